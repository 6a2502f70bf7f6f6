import { Writable } from 'node:stream';
import { ServiceError } from '../kernel/service-error.js';
import { formatLine } from './line.js';
import type { LogFields, Logger } from './logger.js';
import { redact, redactText } from './redact.js';

export interface LoggerSettings {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Where lines go. A file is appended to. */
  readonly to: { readonly kind: 'stderr' } | { readonly kind: 'file'; readonly path: string };
  /** One compact line for people in place of a JSON object for machines. */
  readonly human: boolean;
  /** With colours; only looked at when `human`. */
  readonly colour: boolean;
  /** Fields of every line, as the process's id. */
  readonly base: LogFields;
}

export interface OpenedLogger {
  readonly logger: Logger;
  /** Writes out what is still held. */
  close(): void;
}

/** Opens the log. Writing is synchronous: the last line before a death is there. Throws `usage` when the file can't be opened. */
export async function openLogger(settings: LoggerSettings): Promise<OpenedLogger> {
  const { pino } = await import('pino');
  const sink = openSink(pino.destination, settings);
  const logger = pino(
    {
      level: settings.level,
      base: redact(settings.base) as Record<string, unknown>,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: {
        level: (level) => ({ level }),
        log: (fields) => redact(fields) as Record<string, unknown>,
        bindings: (fields) => redact(fields) as Record<string, unknown>,
      },
      serializers: { err: describeError, error: describeError },
    },
    settings.human ? humanStream(sink, settings.colour) : sink,
  );
  return { logger, close: () => sink.flushSync() };
}

interface Sink {
  write(text: string): unknown;
  flushSync(): void;
}

function openSink(
  destination: (options: { dest: number | string; sync: true; append: true; mkdir: true }) => Sink,
  settings: LoggerSettings,
): Sink {
  const dest = settings.to.kind === 'stderr' ? 2 : settings.to.path;
  try {
    return destination({ dest, sync: true, append: true, mkdir: true });
  } catch (cause) {
    throw new ServiceError('usage', `the log file ${String(dest)} can't be written to`, { cause });
  }
}

function humanStream(sink: Sink, colour: boolean): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      sink.write(formatLine(String(chunk), colour));
      done();
    },
  });
}

/** An error as data: its code, its own words without secrets, and what caused it, some levels deep. */
export function describeError(thrown: unknown, depth = 0): unknown {
  if (!(thrown instanceof Error)) return redact(thrown);
  const code: unknown = 'code' in thrown ? thrown.code : undefined;
  return {
    type: thrown.name,
    message: redactText(thrown.message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(thrown instanceof ServiceError && thrown.detail !== '' ? { detail: redactText(thrown.detail) } : {}),
    ...(thrown.stack === undefined ? {} : { stack: redactText(thrown.stack) }),
    ...(thrown.cause === undefined || depth >= 4 ? {} : { cause: describeError(thrown.cause, depth + 1) }),
  };
}
