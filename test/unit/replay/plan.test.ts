import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { HEADER, type Message } from '../../../src/messages/index.js';
import {
  cancelCommand,
  completed,
  nextAttempt,
  requested,
  sampleBuild,
  started,
  waveOpened,
  withNvr,
} from '../../support/samples.js';
import { COMPONENTS, codes, nthCommit, push, World, wanted } from './world.js';

describe('the plan', () => {
  test('has pushes that nothing came of, and builds them once', async () => {
    const world = World.open();
    const { plan, outcome } = await world.replay([push('nginx', 1), push('httpd', 1)]);
    assert.deepEqual(codes(plan), ['new', 'new']);
    assert.equal(outcome.sent, 2);
    assert.deepEqual(await world.work(), wanted(plan));

    const again = await world.replay([push('nginx', 1), push('httpd', 1)]);
    assert.deepEqual(codes(again.plan), ['completed', 'completed']);
    assert.equal(again.outcome.sent, 0);
    assert.deepEqual(await world.work(), []);
  });

  test('says why a push leads to nothing, in the trigger’s words', async () => {
    const plan = await World.open().plan([
      push('nginx', 1, { branch: 'f99' }),
      push('nginx', 1, { branch: 'f40' }),
      { ...push('nginx', 1), id: 'stranger', body: { commit: { namespace: 'rpms', repo: 'bash', branch: 'f41' } } },
    ]);
    assert.deepEqual(codes(plan), ['no_target', 'target_closed', 'stranger']);
    assert.match(String(plan.entries[0]?.why?.reason), /no target has the branch f99/);
    assert.deepEqual(wanted(plan), []);
  });

  test('has each state of a build that is known', async () => {
    const world = World.open();
    const ask = (component: string) => sampleBuild({ component });
    const waits = { ...ask('waits') };
    for (const message of [
      requested(ask('asked')),
      requested(ask('runs')),
      started(withNvr(ask('runs'))),
      requested(ask('off')),
      cancelCommand(ask('off').id),
      requested(nextAttempt(ask('later'), 2)),
      requested(waits),
    ]) {
      await world.bus.publish(message);
    }
    const plan = await world.plan(['asked', 'runs', 'off', 'later', 'waits'].map((name) => requested(ask(name))));
    assert.deepEqual(codes(plan), ['delivered_again', 'running', 'called_off', 'requested', 'delivered_again']);
    assert.deepEqual(
      plan.entries.map(({ action }) => action),
      ['copy', 'none', 'none', 'none', 'copy'],
    );
  });

  test('counts what tells of work that was done, and never sends it', async () => {
    const build = withNvr(sampleBuild());
    const plan = await World.open().plan([started(build), completed(build), waveOpened(['f41/httpd'])], {
      force: true,
      foreign: true,
    });
    assert.deepEqual(plan.entries, []);
    assert.equal(
      [...plan.told.values()].reduce((a, b) => a + b, 0),
      3,
    );
  });

  test('has commands only when forced, and strangers only when they are asked for', async () => {
    const messages = [cancelCommand('1a2b3c4d-0000-5000-8000-000000000000'), stranger('weather')];
    const plain = await World.open().plan(messages);
    assert.deepEqual(
      [codes(plain), plain.entries.map(({ action }) => action)],
      [
        ['command', 'foreign'],
        ['none', 'none'],
      ],
    );
    const all = await World.open().plan(messages, { force: true, foreign: true });
    assert.deepEqual(
      all.entries.map(({ action }) => action),
      ['copy', 'copy'],
    );
  });

  test('takes no request that is invalid or whose id is forged', async () => {
    const build = sampleBuild();
    const forged = { ...requested(build), body: { build: { ...build, component: 'other' } } } as unknown as Message;
    const broken = { ...requested(build), id: 'broken', body: { build: { id: build.id } } } as Message;
    const plan = await World.open().plan([forged, broken], { force: true });
    assert.deepEqual(codes(plan), ['invalid', 'invalid']);
    assert.match(String(plan.entries[0]?.why?.reason), /inputs give/);
  });

  test('asks for a build once, whoever speaks of it', async () => {
    const world = World.open();
    const two = push('nginx', 1, { id: 'by another path' });
    const plan = await world.plan([push('nginx', 1), two, push('nginx', 1)]);
    assert.deepEqual(codes(plan), ['new', 'repeated']);
    assert.deepEqual([...plan.told], [['a copy of a message that was met before', 1]]);
  });

  test('leaves to the newest commit of a branch what builders would call off', async () => {
    const world = World.open();
    await world.bus.publish(push('httpd', 7));
    await world.work();
    const plan = await world.plan([push('nginx', 3), push('nginx', 1), push('httpd', 6), push('nginx', 5)]);
    assert.deepEqual(codes(plan), ['superseded', 'superseded', 'superseded', 'new']);
    assert.match(String(plan.entries[2]?.builds[0]?.reason), /httpd-1-1/);
    const each = await world.plan([push('nginx', 3), push('nginx', 5)], { supersede: false });
    assert.deepEqual(codes(each), ['new', 'new']);
  });

  test('goes on after a message or a line, and says when there is none', async () => {
    const world = World.open();
    const messages = [push('nginx', 1), push('httpd', 1), push('redis', 1), push('nginx', 1)];
    for (const after of [{ id: 'push httpd 1 f41' }, { line: 2 }]) {
      const plan = await world.plan(messages, { select: { after } });
      assert.deepEqual(
        plan.entries.map(({ id }) => id),
        ['push redis 1 f41'],
      );
    }
    await assert.rejects(world.plan(messages, { select: { after: { id: 'nobody' } } }), /no message nobody/);
  });

  test('stops at the limit, so that it can go on there', async () => {
    const world = World.open();
    const messages = [push('nginx', 1), push('httpd', 1), push('redis', 1)];
    const { plan, outcome } = await world.replay(messages, { limit: 2 });
    assert.deepEqual([plan.entries.length, plan.isFull, outcome.last?.id], [2, true, 'push httpd 1 f41']);
    const rest = await world.plan(messages, { select: { after: { id: String(outcome.last?.id) } } });
    assert.deepEqual(
      rest.entries.map(({ id }) => id),
      ['push redis 1 f41'],
    );
  });

  test('chooses by topic, component, message and build', async () => {
    const world = World.open();
    const build = sampleBuild({ component: 'redis' });
    const messages = [push('nginx', 1), push('httpd', 1), requested(build), stranger('weather')];
    const ids = async (select: Parameters<World['plan']>[1]): Promise<readonly string[]> =>
      (await world.plan(messages, select)).entries.map(({ id }) => id);
    assert.deepEqual(await ids({ select: { component: 'httpd' } }), ['push httpd 1 f41']);
    assert.deepEqual(await ids({ select: { id: 'push nginx 1 f41' } }), ['push nginx 1 f41']);
    assert.deepEqual(await ids({ select: { build: build.id.slice(0, 8) } }), [requested(build).id]);
    assert.deepEqual(await ids({ select: { topic: (topic) => topic.endsWith('weather') } }), ['weather']);
  });

  test('builds anew under new ids when forced, for the user', async () => {
    const world = World.open();
    await world.bus.publish(push('nginx', 1));
    const [first] = await world.work();
    const log = world.history.filter(({ topic }) => !topic.endsWith('completed'));
    const { plan } = await world.replay(log, { force: true });
    assert.deepEqual(codes(plan), ['forced', 'repeated']);
    const [made, ...others] = await world.work();
    assert.deepEqual([[made], others], [wanted(plan), []]);
    assert.notEqual(made, first);
    const request = world.history.findLast(({ topic }) => topic.endsWith('.requested'));
    const { cause } = (request?.body['build'] ?? {}) as { cause?: Record<string, unknown> };
    assert.deepEqual(
      [cause?.['type'], cause?.['agent'], request?.headers[HEADER.replay]],
      ['replay', 'ralph', 'run-1'],
    );
    assert.deepEqual(wanted((await world.replay(log)).plan), []);
  });
});

test('a copy has the id of its original and is marked, and counts once', async () => {
  const world = World.open();
  await world.bus.publish(push('nginx', 1));
  await world.work();
  await world.bus.publish({ ...push('nginx', 1), headers: { [HEADER.replay]: 'run-0' } }, { again: 'replay run-0' });
  assert.deepEqual(await world.work(), []);
  const requests = world.history.filter(({ topic }) => topic.endsWith('.requested'));
  assert.equal(requests.length, 1);

  await world.replay([push('httpd', 1)]);
  const copy = world.history.at(-1);
  assert.deepEqual([copy?.id, copy?.headers], ['push httpd 1 f41', { [HEADER.replay]: 'run-1' }]);
});

/** What happened before: pushes that were taken or lost, requests that were lost on their way, work that was done. */
const step = fc.oneof(
  fc.record({ kind: fc.constantFrom('push', 'lost push', 'lost request'), component: fc.nat(2), n: fc.nat(7) }),
  fc.record({ kind: fc.constant('work'), fails: fc.boolean() }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function live(world: World, steps: readonly Step[]): Promise<readonly Message[]> {
  const pushes: Message[] = [];
  for (const each of steps) {
    if (!('component' in each)) {
      await world.work(() => (each.fails ? 'failed' : 'completed'));
      continue;
    }
    const message = push(String(COMPONENTS[each.component]), each.n);
    pushes.push(message);
    if (each.kind === 'lost push') continue;
    await world.bus.publish(message);
    if (each.kind === 'lost request') await world.loseRequests();
  }
  // What waits is done before a replay is judged, so that all that comes afterwards comes of it.
  await world.work();
  return pushes;
}

test('what a dry run says is what is done, and the second time nothing is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 14 }),
      fc.boolean(),
      fc.infiniteStream(fc.nat()),
      async (steps, force, order) => {
        const world = World.open();
        const pushes = await live(world, steps);
        const keyed = [...pushes, ...world.history].map((message) => ({ message, key: Number(order.next().value) }));
        const source = keyed.sort((a, b) => a.key - b.key).map(({ message }) => message);

        const dry = await world.plan(source, { force });
        const { plan } = await world.replay(source, { force });
        assert.deepEqual(plan.entries, dry.entries);
        assert.deepEqual(await world.work(), wanted(dry));

        // What was built anew leaves the old ones as they were: a lost request is still one.
        if (force) await world.replay(source).then(() => world.work());
        const again = await world.replay(source);
        assert.deepEqual([wanted(again.plan), again.outcome.sent], [[], 0]);
        assert.deepEqual(await world.work(), []);
        await world.bus.close();
      },
    ),
    { numRuns: 75 },
  );
});

test('every push of the past is accounted for', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
      const world = World.open();
      const pushes = await live(world, steps);
      await world.replay([...pushes, ...world.history]);
      await world.work();
      const heads = new Map<string, number>();
      for (const each of steps) {
        if ('component' in each)
          heads.set(
            String(COMPONENTS[each.component]),
            Math.max(each.n, heads.get(String(COMPONENTS[each.component])) ?? 0),
          );
      }
      const ledger = await world.ledger();
      for (const [component, n] of heads) {
        const [row] = ledger.builds({ component, target: 'f41', commit: nthCommit(component, n) });
        assert.ok(row?.ended, `the newest commit of ${component} was built`);
      }
      await ledger.close();
    }),
    { numRuns: 40 },
  );
});

function stranger(id: string): Message {
  return { id, topic: 'org.example.weather', headers: {}, body: { rain: true } };
}
