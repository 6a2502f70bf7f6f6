import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { err, ok, type Result } from '../kernel/result.js';
import { withoutLogins } from '../kernel/text.js';
import type { ConfigFault } from './contract.js';

/** Longest file that is read, in bytes; that of a house with a hundred targets has half of it. */
const MAX_BYTES = 131_072;
/** Lines and commas of a file: the library compares each key with all before it. */
const MAX_ENTRIES = 5_000;
/** Copies that aliases may make, so that a small file can't become a large value. */
const MAX_ALIASES = 100;

/** Levels of lists and mappings; a configuration has six. Thousands end whoever reads them by recursion. */
const MAX_DEPTH = 100;
/** A way through the document: keys and indexes. */
export type Path = readonly (string | number)[];

/** A file that is YAML, and where its parts stand in it. */
export interface YamlFile {
  readonly value: unknown;
  /** Line of a key or value, from 1; of the nearest part around it where it is not there. */
  lineOf(path: Path): number;
  /** A scalar as it is written, without quotes; null for what is none. */
  writtenAt(path: Path): string | null;
}

/** Reads YAML 1.2: one document, no key twice, no tags of others, bounded aliases. All faults of its form at once. */
export function readYaml(bytes: Uint8Array): Result<YamlFile, readonly ConfigFault[]> {
  if (bytes.byteLength > MAX_BYTES) {
    return refused(`the file has ${bytes.byteLength} bytes, more than ${MAX_BYTES}`);
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refused('the file is not UTF-8');
  }
  if (nestsTooDeep(text)) return refused('the file is nested too deeply');
  const entries = text.match(/[\n,]/g)?.length ?? 0;
  if (entries > MAX_ENTRIES) return refused(`the file has ${entries} lines and entries, more than ${MAX_ENTRIES}`);
  const lines = new LineCounter();
  let document: Document.Parsed;
  // Not `silent`: with that level a second document in the file is no error.
  try {
    document = withoutStacks(() =>
      parseDocument(text, { lineCounter: lines, version: '1.2', prettyErrors: false, logLevel: 'error' }),
    );
  } catch {
    return refused('the file is nested too deeply');
  }
  const line = (offset: number): number => lines.linePos(offset).line;
  const faults = [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
    path: '',
    line: line(pos[0]),
    message: code === 'DUPLICATE_KEY' ? 'this key is there twice' : withoutLogins(message.split('\n')[0] ?? message),
    hint: hintOf(code),
  }));
  if (faults.length > 0) return err(distinct(faults));
  const numbers = keysThatAreNumbers(document, line);
  if (numbers.length > 0) return err(numbers);
  if (document.contents === null) return refused('the file is empty');
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return ok({ value, ...places(document, line) });
  } catch {
    return refused('the file’s aliases make too many copies');
  }
}

/** The library makes an error of each fault, of which a broken file may have a hundred thousand; most of that is their stacks. */
function withoutStacks<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * Whether levels are opened without end: by brackets, wherever they stand (so many that are never closed stand in no
 * comment and no text), or by the signs of lists and keys on one line.
 */
function nestsTooDeep(text: string): boolean {
  let brackets = 0;
  let signs = 0;
  for (const [sign] of text.matchAll(/[[\]{}\n]|[-?:](?=[ \t])/g)) {
    if (sign === '[' || sign === '{') brackets += 1;
    else if (sign === ']' || sign === '}') brackets = Math.max(0, brackets - 1);
    else if (sign === '\n') signs = 0;
    // Between brackets it is commas that part the keys of one line.
    else if (brackets === 0) signs += 1;
    if (brackets > MAX_DEPTH || signs > MAX_DEPTH) return true;
  }
  return false;
}

/** The same fault of the same line is told once. */
function distinct(faults: readonly ConfigFault[]): readonly ConfigFault[] {
  return [...new Map(faults.map((fault) => [`${fault.line} ${fault.message}`, fault])).values()];
}

function hintOf(code: string): string {
  if (code === 'DUPLICATE_KEY') return 'keep one of them';
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  return '';
}

function refused(message: string): Result<never, readonly ConfigFault[]> {
  return err([{ path: '', line: 0, message, hint: '' }]);
}

/** Keys that YAML reads as something else than they look, as `1.10`. */
function keysThatAreNumbers(document: Document.Parsed, line: (offset: number) => number): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const walk = (node: unknown): void => {
    if (isSeq(node)) node.items.forEach(walk);
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      if (isScalar(key) && typeof key.value !== 'string' && key.source !== String(key.value)) {
        const written = key.source ?? '';
        const message = `the key ${written} is read as ${String(key.value)}`;
        faults.push({ path: '', line: line(key.range?.[0] ?? 0), message, hint: `write "${written}" in quotes` });
      }
      walk(value);
    }
  };
  walk(document.contents);
  return faults;
}

function places(document: Document.Parsed, line: (offset: number) => number): Pick<YamlFile, 'lineOf' | 'writtenAt'> {
  const resolved = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  const step = (node: unknown, key: string | number): { readonly place: Node | null; readonly value: unknown } => {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      return { place: pair !== undefined && isNode(pair.key) ? pair.key : null, value: resolved(pair?.value) };
    }
    const item = isSeq(node) && typeof key === 'number' ? node.items[key] : undefined;
    return { place: isNode(item) ? item : null, value: resolved(item) };
  };
  return {
    lineOf(path) {
      let node: unknown = document.contents;
      let place: Node | null = document.contents;
      for (const key of path) {
        const next = step(node, key);
        if (next.place === null) break;
        place = next.place;
        node = next.value;
      }
      return line(place?.range?.[0] ?? 0);
    },
    writtenAt(path) {
      let node: unknown = document.contents;
      for (const key of path) node = step(node, key).value;
      return isScalar(node) ? (node.source ?? null) : null;
    },
  };
}
