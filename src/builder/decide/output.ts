/** How much of a build's output is kept. Pure: the log adapter holds the state and does the writing. */

/** Longest line that is kept, in characters; the rest of it is dropped and counted. */
export const MAX_LINE = 8_192;

export interface OutputState {
  readonly maxBytes: number;
  /** Bytes of all lines so far, dropped ones included, each with its line end. */
  readonly bytes: number;
  /** True once a line was dropped: none is kept after it, so that what is kept has no holes. */
  readonly full: boolean;
}

export interface OutputStep {
  readonly state: OutputState;
  /** Lines to write, cleaned; none when the output is full, one more that says so when it has become full now. */
  readonly lines: readonly string[];
}

export function outputState(maxBytes: number): OutputState {
  return { maxBytes, bytes: 0, full: false };
}

/** Takes one line as the engine gave it. */
export function takeLine(state: OutputState, text: string): OutputStep {
  const line = cleanLine(text);
  const size = utf8Length(line) + 1;
  const bytes = state.bytes + size;
  if (state.full) return { state: { ...state, bytes }, lines: [] };
  if (bytes <= state.maxBytes) return { state: { ...state, bytes }, lines: [line] };
  const said = `[output over ${state.maxBytes} bytes (limits.output): the rest is not kept]`;
  return { state: { ...state, bytes, full: true }, lines: [said] };
}

/**
 * Makes a line safe to show: what a terminal would have left after carriage returns, no colours or other control
 * sequences, no control characters but tabs, at most `MAX_LINE` characters. Build output is data.
 */
export function cleanLine(text: string): string {
  const cut = text.length > MAX_LINE * 4 ? text.slice(0, MAX_LINE * 4) : text;
  let end = cut.length;
  while (end > 0 && (cut.charAt(end - 1) === '\r' || cut.charAt(end - 1) === '\n')) end -= 1;
  const last = cut.slice(cut.lastIndexOf('\r', end - 1) + 1, end);
  const plain = last.replace(CONTROL_SEQUENCE, '').replace(CONTROL, '');
  const dropped = plain.length - MAX_LINE + (text.length - cut.length);
  return plain.length <= MAX_LINE ? plain : `${plain.slice(0, MAX_LINE)}[${dropped} characters more]`;
}

const ESCAPE = '\u001b';
const BELL = '\u0007';
/** CSI and OSC sequences (ECMA-48). */
const CONTROL_SEQUENCE = new RegExp(
  `${ESCAPE}(?:\\[[0-?]*[ -/]*[@-~]|\\][^${BELL}${ESCAPE}]*(?:${BELL}|${ESCAPE}\\\\)?)`,
  'g',
);
/** What is left of the C0 and C1 sets, but for tabs. */
const CONTROL = /(?!\t)\p{Cc}/gu;

/** Length in UTF-8 without making the bytes. */
function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return length;
}
