/** Control characters but tab: a stranger's text must not steer the terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;
/** Colour sequences (ECMA-48, SGR), the only ones that build output may keep. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const COLOUR = /(\u001b\[[0-9;]{0,20}m)/;

/** One line of a stranger's text, harmless to a terminal. */
export function safe(text: string): string {
  return text.replace(CONTROL, '?');
}

/** A line of build output: colours stay where they are wanted, every other control character goes. */
export function safeOutput(line: string, colour: boolean): string {
  const parts = line.replace(/\r$/, '').split(COLOUR);
  const coloured = parts.length > 1;
  const text = parts.map((part, index) => (index % 2 === 0 ? safe(part) : colour ? part : '')).join('');
  return coloured && colour ? `${text}\u001b[0m` : text;
}

/** Milliseconds as people say them: `85 ms`, `12.3 s`, `2 m 05 s`, `1 h 02 m`. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, Math.round(milliseconds));
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
}

/** Bytes as people say them, in powers of 1024. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** Date and time in UTC, to the second. */
export function dateTime(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}Z`;
}

/** How long ago: `12 s ago`, `3 h ago`. */
export function ago(iso: string, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(iso)) / 1_000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** A text in at most so many columns, its end cut. */
export function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}

/** The beginning of an id that people type. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
