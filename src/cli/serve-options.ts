import { type Command, InvalidArgumentError, Option } from 'commander';

/** Where health is served. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** True: when the port is taken, a free one is used. */
  readonly yielding: boolean;
}

export interface ServeOptions {
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFile?: string;
  /** Null: nowhere; without it as the configuration says. */
  readonly listen?: ListenAddress | null;
}

const LEVELS = ['debug', 'info', 'warn', 'error'];

/** The options that `up` and `run` share. */
export function serveOptions(command: Command): Command {
  return command
    .addOption(new Option('--log-level <level>', 'the least that is logged').choices(LEVELS).default('info'))
    .option('--log-file <file>', 'append the log, as JSON lines, to this file instead of standard error')
    .addOption(
      new Option(
        '--listen <host:port>',
        'where /healthz, /readyz and /metrics are served, or `off`; without it as `http` of the configuration says',
      ).argParser(parseListen),
    );
}

function parseListen(text: string): ListenAddress | null {
  if (text === 'off') return null;
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port > 65_535) throw new InvalidArgumentError('Give HOST:PORT, or off.');
  return { host: match[1].replace(/^\[|\]$/g, ''), port, yielding: false };
}
