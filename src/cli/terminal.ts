import type { Readable } from 'node:stream';

/** Where a command writes, and what the other end can show. */
export interface Terminal {
  /** One or more lines of result, to standard output; the line end is added. */
  out(text: string): void;
  /** The same without a line end. */
  raw(text: string): void;
  /** One line about the work, to standard error. */
  note(text: string): void;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** True when standard output takes colours. */
  readonly colour: boolean;
  /** True when a person looks at standard error. */
  readonly errorsToPerson: boolean;
  readonly errorColour: boolean;
  /** Columns of standard output; 100 where it is no terminal. */
  readonly width: number;
}

/** The part of `process` that a terminal is made of. */
export interface TerminalSource {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

const WIDTH_ELSEWHERE = 100;

/** Colours only on a terminal that has them, and never against NO_COLOR (no-color.org). */
export function openTerminal({ stdin, stdout, stderr, env }: TerminalSource): Terminal {
  const allowed = !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return {
    out: (text) => {
      stdout.write(`${text}\n`);
    },
    raw: (text) => {
      stdout.write(text);
    },
    note: (text) => {
      stderr.write(`${text}\n`);
    },
    stdin,
    colour: allowed && stdout.isTTY === true,
    errorsToPerson: stderr.isTTY === true,
    errorColour: allowed && stderr.isTTY === true,
    width: stdout.columns ?? WIDTH_ELSEWHERE,
  };
}
