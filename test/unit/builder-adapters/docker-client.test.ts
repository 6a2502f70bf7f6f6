import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type util from 'node:util';
import { openClient } from '../../../src/builder/adapters/docker-client.js';
import { until } from '../../support/until.js';

/** More than the longest request in words, less than one open socket. */
const FEW_CHARACTERS = 2_000;

test('what the modem writes out of a request does not grow with the requests that are open', async (t) => {
  // As the modem has it: the module of CommonJS, whose functions can be replaced.
  const modules: { inspect: typeof util.inspect } = createRequire(import.meta.url)('node:util');
  const { inspect } = modules;
  const written: number[] = [];
  const noting = (...given: Parameters<typeof inspect>): string => {
    const text = inspect(...given);
    written.push(text.length);
    return text;
  };
  modules.inspect = Object.assign(noting, inspect) as typeof inspect;
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-client-'));
  const waiting: ServerResponse[] = [];
  const server = createServer((_, answer) => void waiting.push(answer));
  const client = openClient(`unix://${join(folder, 'engine.sock')}`);
  t.after(async () => {
    modules.inspect = inspect;
    client.close();
    server.close();
    await rm(folder, { recursive: true });
  });
  server.listen(join(folder, 'engine.sock'));
  await once(server, 'listening');

  const asked = Array.from({ length: 8 }, () =>
    client.ask('other', (abortSignal) => client.docker.ping({ abortSignal })),
  );
  await until('all are asked', () => waiting.length === asked.length);
  const last = client.ask('other', (abortSignal) => client.docker.ping({ abortSignal }));
  await until('the last one is', () => waiting.length > asked.length);
  for (const answer of waiting) answer.end('OK');
  await Promise.all([...asked, last]);

  assert.equal(written.length, asked.length + 1);
  assert.ok(
    written.every((characters) => characters < FEW_CHARACTERS),
    `${written} characters were written`,
  );
});
