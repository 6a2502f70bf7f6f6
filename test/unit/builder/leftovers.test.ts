import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanAfter, leaveEngineClean } from '../../../src/builder/leftovers.js';
import type { Engine } from '../../../src/builder/ports.js';

type Place = Parameters<typeof leaveEngineClean>[1];
type Row = Parameters<typeof leaveEngineClean>[2];

const ID = '9b1deb4d-3b7d-5bad-9bdd-2b0d7b3dcb6d';

/** An engine that only tells what it was asked. */
function tellingEngine(calls: string[]): Engine {
  return {
    removeReference: async (reference: string) => void calls.push(`remove ${reference}`),
    keepAsCache: async (reference: string, name: string) => void calls.push(`keep ${reference} as ${name}`),
    removeContainers: async (build: string) => void calls.push(`containers ${build}`),
    cleanUp: async (build: string) => void calls.push(`clean ${build}`),
  } as unknown as Engine;
}

function placeOf(attempt: number): Place {
  const build = { id: ID, attempt, component: 'httpd', target: 'f41', kind: 'official', cause: { type: 'push' } };
  return { build, repository: 'f41/httpd', engineHost: 'registry:5000' } as unknown as Place;
}

async function asked(attempt: number, state: 'completed' | 'failed'): Promise<readonly string[]> {
  const calls: string[] = [];
  await leaveEngineClean(tellingEngine(calls), placeOf(attempt), { state, attempt } as unknown as Row);
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

test('containers and dangling images go whatever became of a name', async () => {
  const calls: string[] = [];
  const refuse = async (): Promise<never> => {
    throw new Error('the engine had enough');
  };
  for (const refused of [{ removeReference: refuse }, { keepAsCache: refuse }]) {
    const engine = { ...tellingEngine(calls), ...refused };
    await assert.rejects(
      leaveEngineClean(engine, placeOf(2), { state: 'completed', attempt: 2 } as unknown as Row),
      /had enough/,
    );
    assert.equal(calls.at(-1), `clean ${ID}`);
    calls.length = 0;
  }
});

// Found by chaos: seed 4, embedded, six pushes, two faults. A builder that is paused or killed after its engine's step
// leaves the attempt's name in the engine, and the next attempt took only its own away.
test('what earlier attempts of processes that are gone have left goes too', async () => {
  const [first, second, ...rest] = await asked(3, 'completed');
  assert.deepEqual([first, second], [`remove ${name(1)}`, `remove ${name(2)}`]);
  assert.equal(rest.length, 2);
});

// Found by chaos: seed 3, embedded, twelve pushes, five faults. The engine was killed in a step, then the builder stood
// still; the next attempt, in another process, does not know of the container.
test('a build that another process has taken over keeps all but the containers of our own attempt', async () => {
  const calls: string[] = [];
  const ledger = { caughtUp: async () => undefined, build: () => ({ ended: false }) };
  await cleanAfter(ledger as unknown as Parameters<typeof cleanAfter>[0], {} as Parameters<typeof cleanAfter>[1], {
    place: placeOf(1),
    claim: { lost: AbortSignal.abort() } as unknown as Parameters<typeof cleanAfter>[2]['claim'],
    engine: tellingEngine(calls),
    tags: [],
  });
  assert.deepEqual(calls, [`containers ${ID}`]);
});

// Found by chaos: seed 1, amqp, Podman, two hundred pushes. Two builds of a component ended together; of two calls that
// name one image Podman lost what one of them had done, and the name of the attempt stayed.
test('the claim of the tags is held until the cache has its name, and released when the engine fails too', async () => {
  type All = Parameters<typeof cleanAfter>;
  const calls: string[] = [];
  const row = { state: 'completed', attempt: 1, ended: false };
  const ledger = { build: () => row, caughtUp: async () => undefined, builds: () => [] } as unknown as All[0];
  const patience = { log: { warn: () => calls.push('told') } } as unknown as All[1];
  const tags = [{ release: async () => void calls.push('release') }] as unknown as All[2]['tags'];
  const claim = { lost: new AbortController().signal } as unknown as All[2]['claim'];
  const engine = tellingEngine(calls);
  await cleanAfter(ledger, patience, { place: placeOf(1), claim, engine, tags });
  assert.deepEqual(calls, [`keep ${name(1)} as layerwright-cache/f41/httpd:latest`, `clean ${ID}`, 'release']);
  calls.length = 0;
  const refusing = {
    ...engine,
    keepAsCache: async () => {
      throw new Error('the engine had enough');
    },
  };
  await cleanAfter(ledger, patience, { place: placeOf(1), claim, engine: refusing, tags });
  assert.deepEqual(calls, [`clean ${ID}`, 'release', 'told']);
});

test('who cleans is told which builds have ended, and which components have none in hand', async () => {
  const rows = [
    { id: 'over', component: 'idle', target: 'f41', state: 'failed', ended: true },
    { id: 'waits', component: 'idle', target: 'f41', state: 'skipped', ended: false },
    { id: 'runs', component: 'busy', target: 'f41', state: 'started', ended: false },
    { id: 'asked', component: 'idle', target: 'f42', state: 'requested', ended: false },
  ];
  const ledger = {
    build: (id: string) => rows.find((row) => row.id === id) ?? null,
    builds: ({ component, target, states }: { component?: string; target?: string; states?: readonly string[] }) =>
      rows.filter(
        (row) =>
          (component === undefined || row.component === component) &&
          (target === undefined || row.target === target) &&
          (states === undefined || states.includes(row.state)),
      ),
  };
  type CleanUp = Required<Parameters<Engine['cleanUp']>>;
  const told: CleanUp[] = [];
  const engine = { ...tellingEngine([]), cleanUp: async (...all: CleanUp) => void told.push(all) };
  await cleanAfter(ledger as unknown as Parameters<typeof cleanAfter>[0], {} as Parameters<typeof cleanAfter>[1], {
    place: placeOf(1),
    claim: { lost: new AbortController().signal } as unknown as Parameters<typeof cleanAfter>[2]['claim'],
    engine: engine as unknown as Engine,
    tags: [],
  });
  const { hasEnded, isIdle, isQuiet } = told[0]?.[1] ?? {};
  assert.deepEqual(
    ['over', 'waits', 'runs', 'unknown'].map((id) => hasEnded?.(id)),
    [true, false, false, false],
  );
  const streams = [
    ['idle', 'f41'],
    ['busy', 'f41'],
    ['idle', 'f42'],
    ['unknown', 'f41'],
  ] as const;
  assert.deepEqual(
    streams.map(([component, target]) => isIdle?.({ component, target })),
    [true, false, false, false],
  );
  assert.equal(isQuiet?.(), false, 'one runs');
  rows.splice(0, rows.length, ...rows.filter(({ state }) => state !== 'requested' && state !== 'started'));
  assert.equal(isQuiet?.(), true);
});
