import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { type ConfigFault, formatFault, parseConfig } from '../../../src/config/index.js';
import type { JsonObject } from '../../../src/kernel/json.js';
import { damagedJson } from '../json-mutations.js';
import { damagedBytes } from '../mutations.js';
import { fuzzTarget } from '../target.js';

const FILES = ['default', 'example'].map((name) => new URL(`../../../config/${name}.yaml`, import.meta.url));
const FILE = '/etc/layerwright/layerwright.yaml';
/** Signs and words that YAML or the schema takes for something. */
const WORDS = [
  ...[
    '&a',
    '*a',
    '<<: *a',
    '!!binary ',
    '!!js/function ',
    '|',
    '>-',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '? ',
    ': ',
    '- ',
  ],
  ...['{a: &x [*x]}', 'yes', '~', '0o7', '1_000', '.inf', '2026-11-24', '30m', '2g', '0s', '9999999999d'],
  ...['{path}', '{repo}', '{namespace}', '{component}', 'tags/', 'unix:///x', 'amqps://u:p@h', 'nats://h'],
];

/** As much of one sign or line as a file may have. */
const oneThing = fc
  .constantFrom(...WORDS, ']', '}', '- b\nc: d\n', 'k: 1\n', '\t')
  .map((word) => Buffer.from(word.repeat(Math.floor(130_000 / word.length))));

export const config = fuzzTarget({
  name: 'config',
  about: 'any file is a configuration, or all its faults are told with their places',
  inputs: () => {
    const texts = FILES.map((file) => readFileSync(file, 'utf8'));
    const bare = texts.map((text) => stringify(parse(text)));
    const values = texts.map((text) => parse(text) as JsonObject);
    return fc.oneof(
      // Few: of 100,000 faults the library takes its time.
      { weight: 1, arbitrary: oneThing },
      { weight: 400, arbitrary: damagedBytes([...texts, ...bare], WORDS) },
      { weight: 600, arbitrary: damagedJson(values, WORDS).map(bytesOf) },
    );
  },
  check(bytes) {
    const read = parseConfig(bytes, FILE, { HOME: '/root' });
    // Reading takes milliseconds: it is done again for some.
    if (bytes.length % 16 === 0) assert.deepEqual(parseConfig(bytes, FILE, { HOME: '/root' }), read);
    if (!read.ok) return void isTold(read.error, bytes);
    for (const { slots, host } of read.value.engines) assert.ok(slots >= 1 && host !== '');
    assert.ok(read.value.targets.length > 0 && read.value.prefix !== '');
  },
});

function isTold(faults: readonly ConfigFault[], bytes: Uint8Array): void {
  assert.ok(faults.length > 0);
  const lines =
    Buffer.from(bytes)
      .toString('latin1')
      .split(/\r\n|\n|\r/).length + 1;
  for (const fault of faults) {
    assert.ok(fault.message !== '' && Number.isInteger(fault.line) && fault.line >= 0 && fault.line <= lines);
    assert.ok(formatFault(fault).length < 2_000, 'a person can read it');
  }
}

/** JSON is YAML. What is nested too deep to be written is brackets. */
function bytesOf(value: JsonObject): Buffer {
  try {
    return Buffer.from(JSON.stringify(value, null, 1));
  } catch {
    return Buffer.from(`prefix: ${'['.repeat(20_000)}`);
  }
}
