import { isJsonObject, type JsonObject } from '../kernel/json.js';

/** Fields that every line has, or that people do not need on a terminal. */
const HIDDEN = new Set(['level', 'time', 'msg', 'process', 'pid', 'hostname', 'err', 'error']);
const COLOUR: Readonly<Record<string, string>> = {
  debug: '\u001b[2m',
  info: '',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};
const PLAIN = '\u001b[0m';
/** Control characters of a terminal: what a stranger's text must not send to one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
/** Characters of a value that are shown. */
const VALUE_CHARACTERS = 200;

/** A JSON log line as one line for people: time, level where it is not info, message, fields, the error's sentence. */
export function formatLine(json: string, colour: boolean): string {
  const line = parse(json);
  if (line === null) return json;
  const level = typeof line['level'] === 'string' ? line['level'] : 'info';
  const time = typeof line['time'] === 'string' ? line['time'].slice(11, 19) : '';
  const fields = Object.entries(line)
    .filter(([name, value]) => !HIDDEN.has(name) && value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${shown(value)}`);
  const text = [
    time,
    ...(level === 'info' ? [] : [level]),
    typeof line['msg'] === 'string' ? line['msg'] : '',
    ...fields,
    ...causes(line['err'] ?? line['error']),
  ]
    .filter((part) => part !== '')
    .join(' ')
    .replace(CONTROL, '?');
  const paint = colour ? (COLOUR[level] ?? '') : '';
  return paint === '' ? `${text}\n` : `${paint}${text}${PLAIN}\n`;
}

function parse(json: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(json);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const quoted = /[\s="]/.test(text) && typeof value === 'string' ? JSON.stringify(text) : text;
  return quoted.length > VALUE_CHARACTERS ? `${quoted.slice(0, VALUE_CHARACTERS)}…` : quoted;
}

/** The sentences of an error and its causes; the stack stays in the JSON log. */
function causes(error: unknown): string[] {
  const parts: string[] = [];
  let at: unknown = error;
  while (isJsonObject(at) && parts.length < 4) {
    const code = typeof at['code'] === 'string' ? ` (${at['code']})` : '';
    parts.push(`${parts.length === 0 ? '-' : 'because'} ${String(at['message']).split('\n')[0]}${code}`);
    at = at['cause'];
  }
  return parts;
}
