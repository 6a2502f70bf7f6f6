/**
 * Which files of the source go to the engine, with Docker's semantics (moby/patternmatcher and ignorefile), not git's:
 * patterns are anchored, the last one that fits decides, `!` brings a file back even below a folder that is left out.
 */
import { type Failure, failure } from '../../kernel/failure.js';

const MAX_BYTES = 65_536;
const MAX_PATTERNS = 2_000;

/** Refuses an ignore file that would take too long to apply: `source_unsupported`, or null. */
export function refuseIgnore(text: string): Failure | null {
  const patterns = text.split('\n', MAX_PATTERNS + 1).length;
  if (text.length <= MAX_BYTES && patterns <= MAX_PATTERNS) return null;
  return failure(
    'source_unsupported',
    'source',
    `The ignore file is too long: at most ${MAX_BYTES} bytes and ${MAX_PATTERNS} lines are read.`,
  );
}

interface Pattern {
  readonly negative: boolean;
  /** One way to read it, two where `**` stands inside a segment. */
  readonly readings: readonly (readonly Segment[])[];
}
/** `any`: `**`. */
type Segment = { readonly kind: 'any' } | { readonly kind: 'glob'; readonly tokens: readonly Token[] };
type Token =
  | { readonly kind: 'literal'; readonly character: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'many' }
  | { readonly kind: 'class'; readonly negative: boolean; readonly ranges: readonly (readonly [string, string])[] };

/**
 * Makes the filter of an ignore file's text (null: there is none). It says true for paths that are sent. The Dockerfile
 * and `.dockerignore` itself are always sent, as Docker's clients do. Paths are relative, with `/`.
 */
export function ignoreFilter(text: string | null, dockerfilePath: string): (path: string) => boolean {
  if (text === null) return () => true;
  const ignored = ignores(text);
  const always = new Set([dockerfilePath, '.dockerignore']);
  return (path) => always.has(path) || !ignored(path);
}

/** The same without exceptions: it says true for paths that `COPY` leaves out. */
export function ignores(text: string): (path: string) => boolean {
  const patterns = readPatterns(text);
  return (path) => isIgnored(path, patterns);
}

function isIgnored(path: string, patterns: readonly Pattern[]): boolean {
  const parts = path.split('/');
  let ignored = false;
  // A pattern that would change nothing need not be tried.
  for (const pattern of patterns)
    if (pattern.negative === ignored && pattern.readings.some((segments) => matchesPathOrParent(segments, parts)))
      ignored = !pattern.negative;
  return ignored;
}

/**
 * True when the pattern fits the path or a folder above it. Row by row: `reach[i]` says whether the first i parts can
 * be eaten by the pattern so far; time is at most segments × parts × length.
 */
function matchesPathOrParent(segments: readonly Segment[], parts: readonly string[]): boolean {
  let reach: boolean[] = [true];
  for (const [index, segment] of segments.entries()) {
    const next: boolean[] = [];
    // `a/**` is all that is below a, not a itself.
    const least = index > 0 && index === segments.length - 1 ? 1 : 0;
    for (let i = 0; i <= parts.length; i += 1) {
      if (segment.kind === 'any') next[i] = (reach[i - least] ?? false) || (next[i - 1] ?? false);
      else next[i] = i > 0 && (reach[i - 1] ?? false) && fits(segment.tokens, parts[i - 1] ?? '');
    }
    reach = next;
  }
  return reach.some((reached, eaten) => reached && eaten > 0);
}

/** Wildcards within one path segment; remembers only the last `*`, which is enough, so time is at most length². */
function fits(tokens: readonly Token[], text: string): boolean {
  const characters = [...text];
  let token = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < characters.length) {
    const wanted = tokens[token];
    if (wanted?.kind === 'many') {
      star = token;
      starAt = at;
      token += 1;
    } else if (wanted !== undefined && fitsOne(wanted, characters[at] ?? '')) {
      token += 1;
      at += 1;
    } else if (star !== -1) {
      token = star + 1;
      starAt += 1;
      at = starAt;
    } else return false;
  }
  while (tokens[token]?.kind === 'many') token += 1;
  return token === tokens.length;
}

function fitsOne(token: Token, character: string): boolean {
  if (token.kind === 'literal') return token.character === character;
  if (token.kind !== 'class') return true;
  return token.negative !== token.ranges.some(([from, to]) => from <= character && character <= to);
}

/** Comment lines begin with `#` in the first column; blanks around a pattern do not count. */
function readPatterns(text: string): readonly Pattern[] {
  const patterns: Pattern[] = [];
  for (const line of text.replace(/^\ufeff/, '').split('\n')) {
    if (line.startsWith('#')) continue;
    const trimmed = line.trim();
    const negative = trimmed.startsWith('!');
    const parts = cleanParts(negative ? trimmed.slice(1).trim() : trimmed);
    if (parts.length > 0)
      patterns.push({ negative, readings: readings(parts).map((reading) => reading.map(readSegment)) });
  }
  return patterns;
}

/**
 * Docker makes `(.*\/)?` of a `**` and of the slash after it, so `x**y` and `x**\/y` fit `xy`, and a `y` anywhere below
 * what begins with x. Only the first such place of a pattern is read so; further ones count as `*`.
 */
function readings(parts: readonly string[]): readonly (readonly string[])[] {
  const at = parts.findIndex((part, index) => part !== '**' && part.includes('**') && !isLastStars(parts, index));
  const part = parts[at];
  if (part === undefined) return [parts];
  const stars = part.indexOf('**');
  const left = part.slice(0, stars);
  const own = part.slice(stars).replace(/^\*+/, '');
  const right = own === '' ? (parts[at + 1] ?? '') : own;
  const before = parts.slice(0, at);
  const after = parts.slice(at + (own === '' ? 2 : 1));
  const below = left === '' ? ['**', right] : [`${left}*`, '**', right];
  return [
    [...before, `${left}${right}`, ...after],
    [...before, ...below, ...after],
  ];
}

/** `x**` at the end is anything that begins with x, and so is `x*`, since what is below a folder goes with it. */
function isLastStars(parts: readonly string[], index: number): boolean {
  return index === parts.length - 1 && /^[^*]*\*+$/.test(parts[index] ?? '');
}

/** Go's `filepath.Clean` for a relative path: no empty and `.` parts, `..` takes the part before it away. */
function cleanParts(pattern: string): readonly string[] {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts;
}

function readSegment(text: string): Segment {
  if (text === '**') return { kind: 'any' };
  const characters = [...text];
  const tokens: Token[] = [];
  // A class that is not closed was looked through to the end: none that opens behind it is either.
  let mayClose = true;
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    if (character === '*') {
      if (tokens.at(-1)?.kind !== 'many') tokens.push({ kind: 'many' });
    } else if (character === '?') tokens.push({ kind: 'one' });
    else if (character === '[') {
      const found: ReturnType<typeof readClass> = mayClose ? readClass(characters, at) : null;
      mayClose = found !== null;
      tokens.push(found?.token ?? { kind: 'literal', character });
      at = found?.end ?? at;
    } else if (character === '\\' && at + 1 < characters.length) {
      at += 1;
      tokens.push({ kind: 'literal', character: characters[at] ?? '' });
    } else tokens.push({ kind: 'literal', character });
  }
  return { kind: 'glob', tokens };
}

/** `[a-z]`, `[^a-z]`; null when it is not closed. */
function readClass(characters: readonly string[], open: number): { token: Token; end: number } | null {
  const negative = characters[open + 1] === '^';
  const ranges: [string, string][] = [];
  for (let at = open + (negative ? 2 : 1); at < characters.length; at += 1) {
    const escaped = characters[at] === '\\';
    if (escaped) at += 1;
    const from = characters[at];
    if (from === undefined) return null;
    if (from === ']' && !escaped && ranges.length > 0) return { token: { kind: 'class', negative, ranges }, end: at };
    if (characters[at + 1] === '-' && characters[at + 2] !== undefined && characters[at + 2] !== ']') {
      ranges.push([from, characters[at + 2] ?? from]);
      at += 2;
    } else ranges.push([from, from]);
  }
  return null;
}
