import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url));

/** What a stranger may send again and again. */
const UNITS = [
  'a',
  'A',
  '0',
  ' ',
  '\t',
  '\n',
  '/',
  '-',
  '.',
  ':',
  '@',
  '"',
  '\\',
  '=',
  '_',
  '$',
  '{',
  '[',
  'a.',
  'a/',
  'a ',
  'é',
];
/** What comes before and after, so that a pattern begins, and does not end well. */
const FRAMES = [
  ['', ''],
  ['x', '!'],
  ['"', '\0'],
] as const;
/** Where each character is tried as a beginning, so many take some 10 s; else some 0.1 ms. */
const LENGTH = 100_000;
const LIMIT_US = 1_000_000;

function patternsOf(file: string): readonly { readonly place: string; readonly pattern: RegExp }[] {
  const source = ts.createSourceFile(file, readFileSync(join(SRC, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const found: { place: string; pattern: RegExp }[] = [];
  const walk = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const [, body = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(node.text) ?? [];
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      found.push({ place: `${file}:${line} ${node.text}`, pattern: new RegExp(body, flags.replace(/[gy]/g, '')) });
    }
    ts.forEachChild(node, walk);
  };
  walk(source);
  return found;
}

test('no pattern takes long for a long text', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const patterns = files.flatMap(patternsOf);
  assert.ok(patterns.length > 100);
  const texts = UNITS.flatMap((unit) =>
    FRAMES.map(([before, after]) => before + unit.repeat(LENGTH / unit.length) + after),
  );
  const slow = patterns.filter(({ pattern }) =>
    texts.some((text) => {
      const began = process.cpuUsage();
      pattern.test(text);
      return process.cpuUsage(began).user > LIMIT_US;
    }),
  );
  assert.deepEqual(
    slow.map(({ place }) => place),
    [],
  );
});
