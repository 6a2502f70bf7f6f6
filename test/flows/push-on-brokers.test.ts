import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { ServiceError } from '../../src/kernel/service-error.js';
import type { BuildCompletedV1, BuildFailedV1, BuildStartedV1, Message } from '../../src/messages/index.js';
import { openRegistry, type Registry } from '../../src/registry/index.js';
import { OWN_BROKERS, type OwnBroker } from '../support/own-brokers.js';
import { ServiceFolder, type ServiceProcess } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];
const AWAY = 'the bus is away; waiting for it';
/** A claim lapses within 10 s, and the planner looks twice, 20 s apart, before it asks again; milliseconds. */
const RETAKEN_MS = 100_000;
/** Back-off of a connection is up to 10 s; milliseconds. */
const BACK_MS = 45_000;
/** Milliseconds within which a process that waits for its broker must end. */
const PROMPT_MS = 3_000;

interface World {
  readonly broker: OwnBroker;
  readonly service: ServiceFolder;
  readonly client: Registry;
  readonly program: Uint8Array;
  /** Trigger, planner and the builders that live. */
  readonly roles: ServiceProcess[];
  readonly builders: ServiceProcess[];
}

// Both at once: most of the time is waiting.
describe('roles as processes of their own', { concurrency: true }, () => {
  for (const { kind, skip, prepare } of OWN_BROKERS) {
    describe(`on ${kind}`, { concurrency: 1, skip: firstSkip(engine, registry, busybox) || skip }, () => {
      let world: World;

      before(async () => {
        const broker = await prepare();
        const space = `flow-${kind}-${process.pid}`;
        world = {
          broker,
          service: await ServiceFolder.prepare({ engine: engine.url, registry: registry.url, space, bus: broker.url }),
          client: openRegistry({ name: 'test', url: registry.url, credentials: { kind: 'none' } }),
          program: await readFile(busybox.url),
          roles: [],
          builders: [],
        };
      });

      after(async () => {
        await world?.service.close();
        await world?.client.close();
        await world?.broker.stop();
      });

      it('live before their broker does, say what they wait for, and stop promptly', () => waitForBroker(world));
      it('begin to work once it runs, and make one image of a push', () => pushBecomesImage(world));
      it('tell of a commit that fails by its code', () => failureIsTold(world));
      it('complete a build whose builder is killed, once, by the other one', () => builderIsKilled(world));
      it('outlive their broker in the middle of a build, and complete it once', () => brokerIsKilled(world));
      it('end well, and leave nothing on the broker that was theirs alone', () => allStop(world));
    });
  }
});

async function waitForBroker({ broker, service, roles, builders }: World): Promise<void> {
  const passing = service.begin('trigger');
  roles.push(service.begin('trigger'), service.begin('planner'));
  builders.push(service.begin('builder'), service.begin('builder'));
  roles.push(...builders);
  for (const role of [passing, ...roles]) {
    const [first, second] = await until('it has tried the bus twice', () => {
      role.assertAlive();
      const lines = role.logged(AWAY);
      return lines.length >= 2 ? lines : undefined;
    });
    assert.ok(Number(second?.['waitMs']) > Number(first?.['waitMs']), 'the wait grows');
    const health = String(first?.['health']);
    assert.equal((await fetch(`${health}/healthz`)).status, 200);
    const { status, reason } = await busCheck(health);
    assert.equal(status, 503);
    assert.match(reason ?? '', new RegExp(new URL(broker.url).port));
  }
  const from = performance.now();
  assert.equal(await passing.stop(), 0);
  assert.ok(performance.now() - from < PROMPT_MS, 'nobody waits for a wait');
}

async function pushBecomesImage({ broker, service, client, program, roles }: World): Promise<void> {
  await broker.start();
  await service.openBus();
  for (const role of roles) {
    await until(
      'it is ready',
      async () => role.health !== null && (await busCheck(role.health)).status === 200,
      BACK_MS,
    );
  }

  const commit = await service.push('whole', { Dockerfile: dockerfile(), busybox: program });

  const { build, image } = bodyOf<BuildCompletedV1>(await service.said(commit, 'completed'));
  assert.equal(build.nvr, 'whole-1.0-1.f41');
  for (const tag of ['1.0-1.f41', '1.0', 'latest', `build-${build.id}`])
    assert.equal((await client.head(service.repository('whole'), tag))?.digest, image.digest, tag);
  const topics = (await service.about(commit)).map(({ topic }) => topic.split('.').at(-1));
  assert.deepEqual(topics, ['requested', 'started', 'completed']);
}

async function failureIsTold({ service, client, program }: World): Promise<void> {
  const commit = await service.push('broken', { Dockerfile: dockerfile('exit 7'), busybox: program });

  const { failure } = bodyOf<BuildFailedV1>(await service.said(commit, 'failed'));

  assert.equal(failure.code, 'build_failed');
  const tags = await client.tags(service.repository('broken'));
  assert.deepEqual(
    tags.filter((tag) => !tag.startsWith('log-')),
    [],
  );
}

async function builderIsKilled(world: World): Promise<void> {
  const { service, builders, roles } = world;
  const commit = await pushSlow(world, 'orphan', 6);
  const { process: first } = bodyOf<BuildStartedV1>(await service.said(commit, 'started'));
  const victim = builders.find(({ pid }) => pid === first.pid);
  assert.ok(victim !== undefined, 'one of the two builds it');

  await victim.stop('SIGKILL');
  for (const list of [builders, roles]) list.splice(list.indexOf(victim), 1);

  const { build, process } = bodyOf<BuildCompletedV1>(await service.said(commit, 'completed', RETAKEN_MS));
  assert.equal(build.attempt, 2);
  assert.equal(process.pid, builders[0]?.pid);
  assert.deepEqual(await endsOf(service, commit), ['completed']);
}

async function brokerIsKilled(world: World): Promise<void> {
  const { broker, service, client, roles } = world;
  const commit = await pushSlow(world, 'survivor', 8);

  await broker.kill();
  for (const role of roles) {
    const { reason } = await until('it is not ready', async () => {
      const check = await busCheck(String(role.health));
      return check.status === 503 && check.reason !== null ? check : undefined;
    });
    assert.match(String(reason), /\w/);
    assert.equal((await fetch(`${role.health}/healthz`)).status, 200);
  }
  await broker.start();

  const completed = bodyOf<BuildCompletedV1>(await saidDespiteBreak(service, commit, 'completed'));
  for (const role of roles) {
    role.assertAlive();
    await until('it is ready again', async () => (await busCheck(String(role.health))).status === 200, BACK_MS);
  }
  assert.deepEqual(await endsOf(service, commit), ['completed']);
  const head = await client.head(service.repository('survivor'), 'latest');
  assert.equal(head?.digest, completed.image.digest);
  for await (const batch of service.bus.read('dead', 'start')) assert.deepEqual(batch, []);

  const later = await service.push('survivor', { Dockerfile: dockerfile('true') });
  await service.said(later, 'completed');
}

async function allStop({ broker, service, roles }: World): Promise<void> {
  assert.deepEqual(
    await Promise.all(roles.map((role) => role.stop('SIGTERM'))),
    roles.map(() => 0),
  );

  assert.equal(await service.bus.holder('planner'), null);
  await service.bus.close();
  const left = { names: [] as readonly string[] };
  await until('nothing is left', async () => {
    left.names = await broker.leftovers();
    return left.names.length === 0;
  }).catch((thrown: unknown) => {
    throw new Error(`${String(thrown)}: ${left.names.join(', ')}`);
  });
}

/**
 * Pushes a commit whose build takes some seconds; resolves when the engine is at it. The step is like no other, on the
 * other bus neither: the engine would have it in its cache.
 */
async function pushSlow({ service, program }: World, component: string, seconds: number): Promise<string> {
  const commit = await service.push(component, {
    Dockerfile: dockerfile(`echo begun; sleep ${seconds}; : ${service.repository(component)}`),
    busybox: program,
  });
  const started = bodyOf<BuildStartedV1>(await service.said(commit, 'started'));
  await until('the engine runs the step', async () =>
    /^begun$/m.test((await service.cli('logs', started.build.id)).stdout),
  );
  return commit;
}

function dockerfile(step?: string): string {
  const run = step === undefined ? '' : `RUN ["/bin/busybox", "sh", "-c", "${step}"]\n`;
  return `FROM scratch\nLABEL version="1.0"\nCOPY busybox /bin/busybox\n${run}`;
}

/** As `said`, by a reader whose own connection may just be away. */
function saidDespiteBreak(service: ServiceFolder, commit: string, what: string): Promise<Message> {
  return until(
    `${what} of ${commit}`,
    async () => {
      try {
        return (await service.about(commit)).find(({ topic }) => topic.endsWith(`.build.${what}`));
      } catch (thrown) {
        if (thrown instanceof ServiceError && thrown.transient) return undefined;
        throw thrown;
      }
    },
    RETAKEN_MS,
  );
}

/** How a commit's builds ended, each message once: a broker that was killed may hold a copy. */
async function endsOf(service: ServiceFolder, commit: string): Promise<readonly string[]> {
  const ends = (await service.about(commit)).filter(({ topic }) => /\.build\.(completed|failed|canceled)$/.test(topic));
  return [...new Map(ends.map(({ id, topic }) => [id, topic.split('.').at(-1) ?? ''])).values()];
}

async function busCheck(health: string): Promise<{ readonly status: number; readonly reason: string | null }> {
  const answer = await fetch(`${health}/readyz`);
  const { checks } = (await answer.json()) as { checks: { name: string; ok: boolean; reason: string | null }[] };
  return { status: answer.status, reason: checks.find(({ name, ok }) => name === 'bus' && !ok)?.reason ?? null };
}

function bodyOf<T>(message: Message): T {
  return message.body as unknown as T;
}
