/**
 * A Dockerfile's text as instructions: directives, comments, continuations and here-documents, as BuildKit's frontend
 * reads them (moby/buildkit, frontend/dockerfile/parser). Where engines of different age read a text differently, it is
 * refused: what one parser takes for a comment must not be another's `FROM`.
 */
import { err, ok, type Result } from '../../kernel/result.js';
import { isSpace, splitWords } from './dockerfile-words.js';
import type { Place } from './facts.js';

/** A sentence about a line, counted from 1. */
export interface Fault {
  readonly line: number;
  readonly message: string;
}

/** One instruction with its continuations joined. `segments` leads from the joined text back to the file's. */
export interface Instruction {
  /** In capitals. */
  readonly keyword: string;
  readonly text: string;
  /** Where in `text` the arguments begin. */
  readonly rest: number;
  readonly line: number;
  readonly segments: readonly Segment[];
  /** True when a here-document follows. */
  readonly heredoc: boolean;
}

interface Segment {
  /** Offset in the joined text. */
  readonly at: number;
  /** Offset in the file. */
  readonly source: number;
}

export interface DockerfileLines {
  readonly escapeSign: string;
  readonly syntax: { readonly image: string; readonly line: number } | null;
  readonly instructions: readonly Instruction[];
}

const DIRECTIVE = /^#\s*([A-Za-z][A-Za-z0-9]*)\s*=/;
const HEREDOC = /^\d*<<(-?)([^<]+)$/;
const WITH_HEREDOC = new Set(['RUN', 'COPY', 'ADD']);

/** Where a `[start, end)` of the joined text stands in the file. */
export function placeOf(instruction: Instruction, start: number, end: number): Place {
  const from = sourceOf(instruction.segments, start);
  return { start: from, end: Math.max(from, sourceOf(instruction.segments, end - 1) + 1), line: instruction.line };
}

function sourceOf(segments: readonly Segment[], at: number): number {
  let low = 0;
  let high = segments.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((segments[middle]?.at ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  const segment = segments[low] ?? { at: 0, source: 0 };
  return segment.source + (at - segment.at);
}

interface Cursor {
  readonly text: string;
  /** Where the next physical line begins. */
  next: number;
  /** Number of the physical line read last. */
  line: number;
}

interface PhysicalLine {
  readonly text: string;
  readonly start: number;
}

/** Reads all instructions. Takes time in proportion to the text. */
export function readLines(text: string): Result<DockerfileLines, Fault> {
  const cursor: Cursor = { text, next: text.startsWith('\ufeff') ? 1 : 0, line: 0 };
  const head = readDirectives(cursor);
  if (!head.ok) return head;
  const { escapeSign, syntax } = head.value;
  const instructions: Instruction[] = [];
  for (let line = readLine(cursor); line !== null; line = readLine(cursor)) {
    const skip = leadingSpace(line.text);
    if (skip === line.text.length || line.text.charAt(skip) === '#') continue;
    const instruction = readInstruction(cursor, { text: line.text.slice(skip), start: line.start + skip }, escapeSign);
    if (!instruction.ok) return instruction;
    instructions.push(instruction.value);
  }
  return ok({ escapeSign, syntax, instructions });
}

/** Directives stand at the top, before any other comment, blank line or instruction. */
function readDirectives(cursor: Cursor): Result<Pick<DockerfileLines, 'escapeSign' | 'syntax'>, Fault> {
  let escapeSign: string | null = null;
  let syntax: DockerfileLines['syntax'] = null;
  let foreign = false;
  for (;;) {
    const before = { next: cursor.next, line: cursor.line };
    const line = readLine(cursor);
    const text = line === null ? '' : line.text.slice(leadingSpace(line.text));
    const [start = '', key = ''] = DIRECTIVE.exec(text) ?? [];
    const value = text.slice(start.length).trim();
    if (start === '' || value === '') {
      Object.assign(cursor, before);
      return ok({ escapeSign: escapeSign ?? '\\', syntax });
    }
    const name = key.toLowerCase();
    if (name === 'syntax') syntax ??= { image: value, line: cursor.line };
    else if (name !== 'escape') foreign ||= name !== 'check';
    else if (escapeSign !== null) return fault(cursor.line, 'the escape directive stands there twice');
    else if (value !== '\\' && value !== '`') return fault(cursor.line, 'escape is \\ or `, nothing else');
    // Old engines stop at a directive that they do not know, new ones go on.
    else if (foreign && value !== '\\') return fault(cursor.line, 'put the escape directive on the first line');
    else escapeSign = value;
  }
}

function readInstruction(cursor: Cursor, first: PhysicalLine, escapeSign: string): Result<Instruction, Fault> {
  const startLine = cursor.line;
  const pieces: string[] = [];
  const segments: Segment[] = [];
  let length = 0;
  for (let line: PhysicalLine | null = first; line !== null; line = readLine(cursor)) {
    if (line !== first) {
      const skip = leadingSpace(line.text);
      if (skip === line.text.length || line.text.charAt(skip) === '#') continue;
    }
    const body = withoutContinuation(line.text, escapeSign);
    if (body === 'unclear')
      return fault(
        cursor.line,
        `the line ends with two ${escapeSign}, which engines read differently; write it otherwise`,
      );
    segments.push({ at: length, source: line.start });
    pieces.push(body ?? line.text);
    length += (body ?? line.text).length;
    if (body === null) break;
  }
  const text = pieces.join('');
  const start = leadingSpace(text);
  const keyword = /[^\t\v\f\r ]*/y;
  keyword.lastIndex = start;
  const word = keyword.exec(text)?.[0] ?? '';
  const rest = start + word.length;
  const instruction = { keyword: word.toUpperCase(), text, rest, line: startLine, segments, heredoc: false };
  const heredocs = canHaveHeredoc(instruction) ? heredocsOf(text, escapeSign) : [];
  for (const heredoc of heredocs)
    if (!skipHeredoc(cursor, heredoc)) return fault(startLine, `the here-document ${heredoc.name} is not ended`);
  return ok({ ...instruction, heredoc: heredocs.length > 0 });
}

/** The line without its continuation sign; null when it goes no further. */
function withoutContinuation(text: string, escapeSign: string): string | null | 'unclear' {
  let end = text.length;
  while (end > 0 && (text.charAt(end - 1) === ' ' || text.charAt(end - 1) === '\t')) end -= 1;
  if (text.charAt(end - 1) !== escapeSign) return null;
  return text.charAt(end - 2) === escapeSign ? 'unclear' : text.slice(0, end - 1);
}

function canHaveHeredoc({ keyword, text, rest }: Pick<Instruction, 'keyword' | 'text' | 'rest'>): boolean {
  if (!text.includes('<<')) return false;
  if (keyword !== 'ONBUILD') return WITH_HEREDOC.has(keyword);
  return WITH_HEREDOC.has((/\S+/.exec(text.slice(rest))?.[0] ?? '').toUpperCase());
}

interface Heredoc {
  readonly name: string;
  readonly chomp: boolean;
}

function heredocsOf(text: string, escapeSign: string): readonly Heredoc[] {
  const heredocs: Heredoc[] = [];
  for (const { raw } of splitWords(text, 0, escapeSign)) {
    const found = HEREDOC.exec(raw);
    const name = (found?.[2] ?? '').replace(/["']/g, '').replaceAll(escapeSign, '');
    if (found !== null && name !== '') heredocs.push({ name, chomp: found[1] === '-' });
  }
  return heredocs;
}

function skipHeredoc(cursor: Cursor, { name, chomp }: Heredoc): boolean {
  for (let line = readLine(cursor); line !== null; line = readLine(cursor))
    if ((chomp ? line.text.replace(/^\t+/, '') : line.text) === name) return true;
  return false;
}

function readLine(cursor: Cursor): PhysicalLine | null {
  const { text, next } = cursor;
  if (next >= text.length) return null;
  const feed = text.indexOf('\n', next);
  let end = feed === -1 ? text.length : feed;
  cursor.next = end + 1;
  cursor.line += 1;
  while (end > next && text.charAt(end - 1) === '\r') end -= 1;
  return { text: text.slice(next, end), start: next };
}

function leadingSpace(text: string): number {
  let at = 0;
  while (at < text.length && isSpace(text.charAt(at))) at += 1;
  return at;
}

function fault(line: number, message: string): Result<never, Fault> {
  return err({ line, message });
}
