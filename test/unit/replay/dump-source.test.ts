import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { formatDump, type Message } from '../../../src/messages/index.js';
import { dumpSource, type Found } from '../../../src/replay/index.js';

const NO_BOUNDS = { since: null, until: null };

function message(id: string, sentAt?: string): Message {
  return { id, topic: 'org.example.git.receive', headers: sentAt === undefined ? {} : { 'sent-at': sentAt }, body: {} };
}

/** Reads chunks as a dump; what was found, and what was told. */
async function read(chunks: readonly (string | Buffer)[], bounds: Parameters<typeof dumpSource>[3] = NO_BOUNDS) {
  const found: Found[] = [];
  const bad: string[] = [];
  const notes: string[] = [];
  const told = {
    bad: (where: string, reason: string) => bad.push(`${where} ${reason}`),
    note: (text: string) => notes.push(text),
  };
  const bytes = chunks.map((chunk) => Buffer.from(chunk));
  for await (const batch of dumpSource(() => Readable.from(bytes), 'the dump', told, bounds)) found.push(...batch);
  return { found: found.map(({ line, message: { id } }) => `${line} ${id}`), bad, notes };
}

test('each line that is no message is told by its number, and the others come', async () => {
  const long = `{"topic":"t","body":{"x":"${'x'.repeat(3_000_000)}"}}`;
  const lines = [formatDump(message('a')), '', '{nonsense', '[]', '{"topic":"t"}', long, formatDump(message('b'))];
  const { found, bad } = await read([lines.join('\n')]);
  assert.deepEqual(found, ['1 a', '7 b']);
  assert.deepEqual(
    bad.map((text) => text.replace(/\d{4,}/, 'N')),
    [
      'line 3 is no JSON object',
      'line 4 is no JSON object',
      'line 5 has no body that is an object',
      'line 6 has more than N bytes',
    ],
  );
});

test('bytes that are no UTF-8 are not taken for a text', async () => {
  const line = Buffer.from(formatDump(message('a')).replace('"a"', '"\u00e9"'), 'latin1');
  assert.deepEqual((await read([line, '\n'])).bad, ['line 1 is not UTF-8']);
});

test('lines come whole, however the bytes are cut', async () => {
  const text = Buffer.from(`${[message('\u00e9'), message('b'), message('c')].map(formatDump).join('\n')}\n`);
  for (const size of [1, 7, 64]) {
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, n) =>
      text.subarray(n * size, n * size + size),
    );
    assert.deepEqual(await read(chunks), { found: ['1 \u00e9', '2 b', '3 c'], bad: [], notes: [] });
  }
});

test('times choose by the header, and what has none is left out and counted', async () => {
  const at = (hour: number): string => `2026-11-23T${String(hour).padStart(2, '0')}:00:00+00:00`;
  const text = [message('a', at(9)), message('b', at(10)), message('c'), message('d', at(12))]
    .map(formatDump)
    .join('\n');
  const between = { since: new Date('2026-11-23T10:00:00Z'), until: new Date('2026-11-23T11:00:00Z') };
  const { found, notes } = await read([text], between);
  assert.deepEqual(found, ['2 b']);
  assert.match(notes.join(), /^1 messages .* left out$/);
});

test('a file that is not there is a fault of the call', async () => {
  const told = { bad: () => undefined, note: () => undefined };
  const source = dumpSource(() => createReadStream('/nowhere/dump.jsonl'), 'dump.jsonl', told, NO_BOUNDS);
  await assert.rejects(source.next(), { code: 'usage', message: /dump\.jsonl can't be read/ });
});
