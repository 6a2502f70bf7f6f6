import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaveEngineClean } from '../../../src/builder/leftovers.js';
import type { Engine } from '../../../src/builder/ports.js';

type Place = Parameters<typeof leaveEngineClean>[1];
type Row = Parameters<typeof leaveEngineClean>[2];

const ID = '9b1deb4d-3b7d-5bad-9bdd-2b0d7b3dcb6d';

/** Runs it on an engine that only tells what it was asked. */
async function asked(attempt: number, state: 'completed' | 'failed'): Promise<readonly string[]> {
  const calls: string[] = [];
  const engine = {
    removeReference: async (reference: string) => void calls.push(`remove ${reference}`),
    keepAsCache: async (reference: string, name: string) => void calls.push(`keep ${reference} as ${name}`),
    cleanUp: async (build: string) => void calls.push(`clean ${build}`),
  } as unknown as Engine;
  const build = { id: ID, attempt, component: 'httpd', target: 'f41', kind: 'official', cause: { type: 'push' } };
  const place = { build, repository: 'f41/httpd', engineHost: 'registry:5000' } as unknown as Place;
  await leaveEngineClean(engine, place, { state, attempt } as unknown as Row);
  return calls;
}

const name = (attempt: number): string => `registry:5000/f41/httpd:build-${ID}.${attempt}`;

test('the image of a completed push stays as the cache, that of a failed one goes', async () => {
  assert.deepEqual(await asked(1, 'completed'), [
    `keep ${name(1)} as layerwright-cache/f41/httpd:latest`,
    `clean ${ID}`,
  ]);
  assert.deepEqual(await asked(1, 'failed'), [`remove ${name(1)}`, `clean ${ID}`]);
});

// Found by chaos: seed 4, embedded, six pushes, two faults. A builder that is paused or killed after its engine's step
// leaves the attempt's name in the engine, and the next attempt took only its own away.
test('what earlier attempts of processes that are gone have left goes too', async () => {
  const [first, second, ...rest] = await asked(3, 'completed');
  assert.deepEqual([first, second], [`remove ${name(1)}`, `remove ${name(2)}`]);
  assert.equal(rest.length, 2);
});
