/** Named values of a log line. `err` takes an error, which is written with its code, cause and stack. */
export type LogFields = { readonly [name: string]: unknown };

/**
 * What rooms write to. The message is a fixed text, what varies goes into the fields: so a line can be found and
 * counted. pino's loggers fit; a fake is five functions.
 */
export interface Logger {
  /** For one who looks for a fault: every decision, a *no* included. */
  debug(fields: LogFields, message: string): void;
  /** What an operator wants to see of a service that works: begins, ends, state changes. */
  info(fields: LogFields, message: string): void;
  /** Something went wrong and is being dealt with. */
  warn(fields: LogFields, message: string): void;
  /** Something went wrong and a person should look. */
  error(fields: LogFields, message: string): void;
  /** A logger whose lines all carry these fields as well, as `{ build, trace }`. */
  child(fields: LogFields): Logger;
}

const nothing = (): void => undefined;

/** Takes everything, writes nothing. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};

/** Reads the trace id out of a W3C `traceparent` header; null when there is none or it is not one. */
export function traceIdOf(traceparent: unknown): string | null {
  if (typeof traceparent !== 'string') return null;
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceparent)?.[1] ?? null;
}

/** The logger of one build: every line has its id, and the trace's when the message carried one. */
export function buildLogger(logger: Logger, build: string, traceparent: unknown = null): Logger {
  const trace = traceIdOf(traceparent);
  return logger.child(trace === null ? { build } : { build, trace });
}
