import { withoutLogins } from '../kernel/text.js';

/** Names whose values never reach a log, wherever in the fields they stand. */
const SECRET_NAME = /(authorization|password|passwd|secret|token|credential|cookie|api[-_]?key|private[-_]?key)/i;
/** Names that match, but say where a secret is, not what it is. */
const HARMLESS_NAME = /(file|path|kind|count)$/i;
/** The value of an HTTP `Authorization` header inside a text. */
const AUTHORIZATION_TEXT = /\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]{8,}/g;

const CENSORED = '[redacted]';
const MAX_DEPTH = 6;
/** Characters of one text: a stranger's message may have a million, and a line of the log is for people. */
const MAX_TEXT = 16_384;

/** A text without logins in URLs and without authorization values, its end cut when it is long. */
export function redactText(text: string): string {
  const safe = withoutLogins(text, CENSORED).replace(AUTHORIZATION_TEXT, `$1 ${CENSORED}`);
  return safe.length > MAX_TEXT ? `${safe.slice(0, MAX_TEXT)}… (${safe.length} characters)` : safe;
}

/** A copy of plain data without its secrets. Errors and other class instances pass as they are. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      SECRET_NAME.test(name) && !HARMLESS_NAME.test(name) && inner !== null ? CENSORED : redact(inner, depth + 1),
    ]),
  );
}
