import { isJsonObject, type Json, type JsonObject } from '../../kernel/json.js';
import { LIMITS } from '../../kernel/limits.js';
import { cleanLine } from '../decide/output.js';
import { lastLines } from '../decide/retry.js';
import { LineAssembler } from './line-assembler.js';
import type { StepReader } from './step-reader.js';

/** What the engine said in the end when the build did not work. */
export interface BuildFault {
  readonly message: string;
  /** Of the command that failed; null when no command was run. */
  readonly exitCode: number | null;
}

/** Docker's words and Podman's. */
const NONZERO = /(?:returned a non-zero code:|while running runtime: exit status) (\d+)\s*$/;

/** Reads the progress of a build, object by object: lines for the log, how it ended, and by its steps what the engine made. */
export class BuildTranscript {
  readonly #lines: LineAssembler;
  readonly #tail: string[] = [];
  readonly #seenStatus = new Set<string>();
  readonly steps: StepReader;
  imageId: string | null = null;
  fault: BuildFault | null = null;

  constructor(steps: StepReader, onLine: (line: string) => void) {
    this.steps = steps;
    this.#lines = new LineAssembler((line) => {
      this.#tail.push(line);
      if (this.#tail.length > LIMITS.detailLines) this.#tail.shift();
      onLine(line);
    });
  }

  take(object: JsonObject): void {
    const { stream, status, aux } = object;
    if (typeof stream === 'string') {
      this.steps.read(stream);
      this.#lines.push(stream);
    }
    if (typeof status === 'string') this.#status(status, object);
    if (isJsonObject(aux) && typeof aux['ID'] === 'string') this.imageId = aux['ID'];
    const fault = faultOf(object);
    if (fault !== null) this.fault = fault;
  }

  /** No more comes. */
  end(): void {
    this.#lines.end();
  }

  /** The last lines, cleaned, for a failure's detail. */
  tail(): string {
    return lastLines(this.#tail.map(cleanLine).join('\n'));
  }

  /** Progress of a parent that is pulled: each layer's state once, without its bars. */
  #status(status: string, object: JsonObject): void {
    const id = typeof object['id'] === 'string' ? `${object['id']}: ` : '';
    const line = `${id}${status}`;
    if (this.#seenStatus.has(line)) return;
    this.#seenStatus.add(line);
    this.#lines.push(`${line}\n`);
  }
}

/** The error that an object of an engine's progress carries; null when it carries none. */
export function faultOf(object: JsonObject): BuildFault | null {
  const detail: Json | undefined = object['errorDetail'];
  const message = isJsonObject(detail) && typeof detail['message'] === 'string' ? detail['message'] : object['error'];
  if (typeof message !== 'string') return null;
  const code = isJsonObject(detail) ? detail['code'] : undefined;
  const said = NONZERO.exec(message)?.[1];
  return {
    message,
    exitCode: typeof code === 'number' && code !== 0 ? code : said === undefined ? null : Number(said),
  };
}
