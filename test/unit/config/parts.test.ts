import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseBytes, parseConfig, parseDuration } from '../../../src/config/index.js';
import { suggest } from '../../../src/config/suggest.js';
import { isJsonObject, type JsonObject } from '../../../src/kernel/json.js';

test('durations and sizes have a unit', () => {
  assert.deepEqual(
    ['500ms', '90s', '30m', '2h', '30d'].map(parseDuration),
    [500, 90_000, 1_800_000, 7_200_000, 2_592_000_000],
  );
  assert.deepEqual(['512', '1k', '512m', '2g', '1t'].map(parseBytes), [
    512,
    1024,
    512 * 1024 ** 2,
    2 * 1024 ** 3,
    1024 ** 4,
  ]);
  for (const wrong of ['', '0s', '-1s', '1.5h', '30', '30 m', '1w', 's', '1S'])
    assert.equal(parseDuration(wrong), null, wrong);
  for (const wrong of ['', '0', '-1', '1.5g', '1kb', 'g', '1G', ' 1']) assert.equal(parseBytes(wrong), null, wrong);
});

test('a misspelt word finds its neighbour, and a strange one finds none', () => {
  const known = ['namespace', 'repo', 'host'];
  assert.equal(suggest('namespce', known), 'namespace');
  assert.equal(suggest('Repo', known), 'repo');
  assert.equal(suggest('name-space', known), 'namespace');
  assert.equal(suggest('colour', known), null);
  assert.equal(suggest('x'.repeat(10_000), known), null);
});

test('every key has a description, and the page of the configuration has every key', async () => {
  const schema = JSON.parse(
    await readFile(new URL('../../../schemas/config/config.v1.json', import.meta.url), 'utf8'),
  ) as JsonObject;
  const page = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  const visit = (part: JsonObject): void => {
    for (const [key, inner] of Object.entries(isJsonObject(part['properties']) ? part['properties'] : {})) {
      assert.ok(isJsonObject(inner));
      const description = inner['description'];
      assert.ok(typeof description === 'string' && description.endsWith('.'), key);
      assert.ok(page.includes(`| ${description} |`), `docs/configuration.md lacks ${key}; run \`npm run generate\``);
      visit(inner);
    }
    for (const below of ['items', 'additionalProperties']) if (isJsonObject(part[below])) visit(part[below]);
  };
  visit(schema);
  const defs = schema['$defs'];
  assert.ok(isJsonObject(defs) && isJsonObject(defs['target']));
  visit(defs['target']);
});

test('whatever a file holds, it is a configuration or a list of faults, never a throw', () => {
  const keys = [
    'prefix',
    'sources',
    'targets',
    'registries',
    'components',
    'engines',
    'bus',
    'http',
    'git_topics',
    'build',
  ];
  const inner = [
    'match',
    'clone',
    'refs',
    'f41',
    'parents',
    'allow',
    'rewrite',
    'limits',
    'url',
    'credentials',
    'latest',
    'candidate',
  ];
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof(fc.constantFrom('f41', 'candidate', 'https://x.org/{repo}'), fc.jsonValue({ maxDepth: 1 })),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...inner), fc.string()), tie('tree'), { maxKeys: 6 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...keys), tree), (value) => {
      const config = parseConfig(Buffer.from(JSON.stringify(value)), '/c.yaml', {});
      if (!config.ok) assert.ok(config.error.length > 0 && config.error.every(({ message }) => message !== ''));
    }),
    { numRuns: 200 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.ok(!parseConfig(bytes, '/c.yaml', {}).ok);
    }),
    { numRuns: 200 },
  );
});
