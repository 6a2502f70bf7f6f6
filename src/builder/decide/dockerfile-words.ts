/**
 * Words of a Dockerfile's instruction, as BuildKit's frontend reads them (moby/buildkit, frontend/dockerfile/parser and
 * shell): splitting, flags and variables.
 */

/** White space as Go's `unicode.IsSpace` has it, which is not JavaScript's. */
const SPACE = /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;
/** A value that grows beyond this is not followed any further. */
const MAX_VALUE = 16_384;
const MAX_DEPTH = 20;

export function isSpace(character: string): boolean {
  return SPACE.test(character);
}

/** `[start, end)` in the text that was split; `raw` still has its quotes and escapes. */
export interface Word {
  readonly raw: string;
  readonly start: number;
  readonly end: number;
}

/** Splits at white space outside of quotes. A quote that is not closed reaches to the end. */
export function splitWords(text: string, from: number, escapeSign: string): readonly Word[] {
  const words: Word[] = [];
  let start = -1;
  let quote = '';
  for (let at = from; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (start === -1) {
      if (isSpace(character)) continue;
      start = at;
    }
    if (character === escapeSign && quote !== "'") at += 1;
    else if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (isSpace(character)) {
      words.push({ raw: text.slice(start, at), start, end: at });
      start = -1;
    }
  }
  if (start !== -1) words.push({ raw: text.slice(start), start, end: text.length });
  return words;
}

/** Splits at white space whatever the quotes, as `FROM` and `COPY` do. */
export function splitPlainly(text: string, from: number): readonly Word[] {
  const pattern = /[^\t\v\f\r ]+/g;
  pattern.lastIndex = from;
  const words: Word[] = [];
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text))
    words.push({ raw: found[0], start: found.index, end: found.index + found[0].length });
  return words;
}

export interface Flags {
  readonly flags: readonly (Word & { readonly name: string; readonly value: string })[];
  /** Where the arguments begin. */
  readonly rest: number;
}

/** The leading `--name=value` words. Quotes and `\` count in them, whatever the file's escape character is. */
export function splitFlags(text: string, from: number): Flags {
  const flags: (Word & { name: string; value: string })[] = [];
  for (const { raw, start, end } of splitWords(text, from, '\\')) {
    if (!raw.startsWith('--')) return { flags, rest: start };
    if (raw === '--') return { flags, rest: end };
    const word = unquote(raw);
    const equals = word.indexOf('=');
    flags.push({
      raw,
      start,
      end,
      name: word.slice(2, equals === -1 ? undefined : equals),
      value: equals === -1 ? '' : word.slice(equals + 1),
    });
  }
  return { flags, rest: text.length };
}

/** Takes quotes and escapes away without looking at variables. */
export function unquote(raw: string): string {
  let quote = '';
  let value = '';
  for (let at = 0; at < raw.length; at += 1) {
    const character = raw.charAt(at);
    if (character === '\\') {
      at += 1;
      value += raw.charAt(at);
    } else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === quote) quote = '';
    else value += character;
  }
  return value;
}

/** A variable's value; `unset` when it certainly has none, `unknown` when only the engine can know it. */
export type Looked = { readonly value: string } | 'unset' | 'unknown';
export type Lookup = (name: string) => Looked;

export interface Expanded {
  /** The text, or null when it hangs on something unknown. */
  readonly value: string | null;
  /** Names that had no value where one was needed; each counted as empty. */
  readonly unset: readonly string[];
  /** What comes before the first unknown part. */
  readonly known: string;
}

/** Expands variables and takes quotes and escapes away. */
export function expand(raw: string, lookup: Lookup, escapeSign: string): Expanded {
  const reader: Reader = { raw, at: 0, lookup, escapeSign, unset: [], lost: false };
  let known = '';
  let value = '';
  let wasLost = false;
  while (reader.at < raw.length) {
    value += readPart(reader, 0);
    if (value.length > MAX_VALUE) reader.lost = true;
    if (reader.lost && !wasLost) wasLost = true;
    if (!wasLost) known = value;
    if (value.length > MAX_VALUE) break;
  }
  return { value: reader.lost ? null : value, unset: reader.unset, known };
}

interface Reader {
  readonly raw: string;
  at: number;
  readonly lookup: Lookup;
  readonly escapeSign: string;
  readonly unset: string[];
  lost: boolean;
}

/** Reads one quoted piece, variable, escape or character. */
function readPart(reader: Reader, depth: number): string {
  const character = reader.raw.charAt(reader.at);
  if (character === "'") return readSingleQuoted(reader);
  if (character === '"') return readDoubleQuoted(reader, depth);
  if (character === '$') return readVariable(reader, depth);
  reader.at += 1;
  if (character !== reader.escapeSign) return character;
  reader.at += 1;
  return reader.raw.charAt(reader.at - 1);
}

function readSingleQuoted(reader: Reader): string {
  const end = reader.raw.indexOf("'", reader.at + 1);
  const value = reader.raw.slice(reader.at + 1, end === -1 ? undefined : end);
  reader.at = end === -1 ? reader.raw.length : end + 1;
  if (end === -1) reader.lost = true;
  return value;
}

function readDoubleQuoted(reader: Reader, depth: number): string {
  let value = '';
  reader.at += 1;
  while (reader.at < reader.raw.length && value.length <= MAX_VALUE) {
    const character = reader.raw.charAt(reader.at);
    if (character === '"') {
      reader.at += 1;
      return value;
    }
    if (character === '$') value += readVariable(reader, depth);
    else if (character === reader.escapeSign) {
      const next = reader.raw.charAt(reader.at + 1);
      value += next === '"' || next === '$' || next === reader.escapeSign ? next : character + next;
      reader.at += 2;
    } else {
      value += character;
      reader.at += 1;
    }
  }
  reader.lost = true;
  return value;
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?\-$!]/y;

function readVariable(reader: Reader, depth: number): string {
  const braced = reader.raw.charAt(reader.at + 1) === '{';
  NAME.lastIndex = reader.at + (braced ? 2 : 1);
  const name = NAME.exec(reader.raw)?.[0];
  if (name === undefined) {
    reader.at += 1;
    if (braced) reader.lost = true;
    return '$';
  }
  reader.at = NAME.lastIndex;
  if (!braced) return plainValue(reader, name);
  return readModified(reader, name, depth);
}

/** After `${name`: `}`, or `:-word`, `-word`, `:+word`, `+word`, `:?word`, `?word`; the newer patterns are not followed. */
function readModified(reader: Reader, name: string, depth: number): string {
  const colon = reader.raw.charAt(reader.at) === ':';
  const operator = reader.raw.charAt(reader.at + (colon ? 1 : 0));
  if (operator === '}' && !colon) {
    reader.at += 1;
    return plainValue(reader, name);
  }
  if (!'-+?'.includes(operator) || operator === '' || depth >= MAX_DEPTH) return giveUp(reader);
  reader.at += colon ? 2 : 1;
  const looked = reader.lookup(name);
  const has = looked !== 'unset' && looked !== 'unknown' && !(colon && looked.value === '');
  // Only the word that is taken may make the result unknown.
  const outer = { lost: reader.lost, unset: reader.unset.length };
  const word = readWord(reader, depth + 1);
  const taken = operator === '+' ? has : !has && looked !== 'unknown';
  if (!taken && reader.raw.charAt(reader.at - 1) === '}') {
    reader.lost = outer.lost;
    reader.unset.length = outer.unset;
  }
  if (looked === 'unknown') reader.lost = true;
  if (operator === '+') return has ? word : '';
  if (operator === '-') return has ? (looked as { value: string }).value : word;
  if (!has) reader.unset.push(name);
  return has ? (looked as { value: string }).value : '';
}

function readWord(reader: Reader, depth: number): string {
  let value = '';
  while (reader.at < reader.raw.length && value.length <= MAX_VALUE) {
    if (reader.raw.charAt(reader.at) === '}') {
      reader.at += 1;
      return value;
    }
    value += readPart(reader, depth);
  }
  giveUp(reader);
  return value;
}

function plainValue(reader: Reader, name: string): string {
  const looked = reader.lookup(name);
  if (looked === 'unknown') reader.lost = true;
  else if (looked === 'unset') reader.unset.push(name);
  else return looked.value;
  return '';
}

function giveUp(reader: Reader): string {
  reader.lost = true;
  reader.at = reader.raw.length;
  return '';
}
