/** What is said to be done, held against what is then done: replays, rebuilds by hand, reconcile. */
import { derivedId, messageId } from '../../src/kernel/ids.js';
import { CATALOG, compose, type Message, nameOfTopic } from '../../src/messages/index.js';
import {
  buildByHand,
  type HandPlan,
  planFailed,
  planNamed,
  readBasis,
  readDependents,
  readFailed,
} from '../../src/rebuilds/index.js';
import { type Found, makePlan, type PlanSettings, type Source, sendPlan } from '../../src/replay/index.js';
import type { Spooled } from '../../src/replay/spool.js';
import { foresee } from '../../src/trigger/index.js';
import { pushOf, triggerSettings } from '../simulation/pushes.js';
import { Random, scheduleSeed } from '../simulation/random.js';
import { PREFIX, sampleCommit } from '../support/samples.js';
import { type Disturbances, disturb, drawDisturbances } from './disturbances.js';
import { drawSpecs, type Spec, type Specs } from './images.js';
import { lengthOf } from './lengths.js';
import { reconcile } from './reconcile.js';
import { World } from './world.js';

const SIZES = { least: 8, most: 40 };
const LOST = 0.4;
const DOUBLED = 0.3;
/** Messages a second of a replay: all at once. */
const RATE = 1e9;

export interface CaseReport {
  readonly kind: string;
  /** Builds that were said to be made, and those that were. */
  readonly said: readonly string[];
  readonly done: readonly string[];
  /** Null: they are equal. */
  readonly fault: string | null;
}

/** One case: a small world with a past, and one thing that is asked for. */
export async function runCase(seed: number, number: number): Promise<CaseReport> {
  const random = new Random(scheduleSeed(~seed, number));
  const specs = drawSpecs(random, random.between(SIZES.least, SIZES.most));
  const world = await World.begin(specs, { random, slots: random.between(1, 4), lengthOf });
  const past = { ...drawDisturbances(random, specs, 2), births: [], deaths: [] };
  disturb(world, past, { random, lost: LOST, doubled: DOUBLED });
  await world.rest();
  const kind = random.pick(['replay', 'replay', 'forced replay', 'reconcile', 'dependents', 'failed', 'named']);
  const before = new Set(world.executions.map(({ id }) => id));
  const said = await doIt(kind, world, past, specs, random);
  await world.rest();
  world.close();
  // What follows in waves is theirs to say.
  const done = world.executions
    .map(({ id }) => id)
    .filter((id) => !before.has(id) && world.ledger.build(id)?.cause.type !== 'rebuild');
  const [one, other] = [said.toSorted().join(' '), done.toSorted().join(' ')];
  return {
    kind,
    said,
    done,
    fault: one === other ? null : `${kind}: said ${one || 'nothing'}, done ${other || 'nothing'}`,
  };
}

/** Says what would be built and does it; the ids of what it said. */
async function doIt(
  kind: string,
  world: World,
  past: Disturbances,
  specs: Specs,
  random: Random,
): Promise<readonly string[]> {
  switch (kind) {
    case 'replay':
    case 'forced replay':
      return replay(world, past, random, kind === 'forced replay');
    case 'reconcile': {
      const said = await reconcile(world, true);
      await reconcile(world);
      return said;
    }
    default:
      return byHand(world, handPlan(kind, world, [...specs.values()], random));
  }
}

function handPlan(kind: string, { ledger, outside }: World, specs: readonly Spec[], random: Random): HandPlan {
  const isOut = ({ component }: { readonly component: string }): boolean => outside.spec(component).isOut;
  const some = specs.filter(() => random.chance(0.3)).map(({ component }) => ({ component, target: 'f41' }));
  if (kind === 'dependents') {
    const component = specs[random.below(specs.length)]?.component ?? '';
    return readDependents(ledger, { component, reference: null }, () => false, isOut);
  }
  if (kind === 'failed') {
    const failed = readFailed(ledger, ledger.streams(), null);
    return planFailed(failed, ({ component }) => ({ commit: outside.head(component)?.id ?? null }), isOut);
  }
  const named = some.flatMap((stream) => readBasis(ledger, stream) ?? []);
  return planNamed(
    named.map((basis) => ({ basis, byComponent: true })),
    isOut,
  );
}

function byHand(world: World, { asks }: HandPlan): readonly string[] {
  const builds = asks.map((ask) =>
    buildByHand(ask, { request: derivedId('request', '1'), agent: 'ralph', reason: null }),
  );
  const name = 'build.requested.v1';
  for (const build of builds) {
    const id = messageId(build.id, CATALOG[name].topic, build.attempt);
    world.publish(compose({ prefix: PREFIX, name, id, body: { build }, now: world.wall() }));
  }
  return builds.map(({ id }) => id);
}

/** Replays what hooks sent, and what came of it, as a dump would have it: out of order, more than once, with others' messages. */
async function replay(world: World, past: Disturbances, random: Random, force: boolean): Promise<readonly string[]> {
  const messages = messagesOf(world, past, random);
  const settings: PlanSettings = {
    ...{ run: 'run-1', force, foreign: false, supersede: true, agent: null },
    limit: random.chance(0.2) ? random.between(1, 5) : null,
    select: {
      ...{ topic: null, id: null, build: null, after: null },
      component: random.chance(0.2) ? (past.pushes[0]?.component ?? null) : null,
    },
  };
  const spooled: Spooled[] = [];
  const { signal } = new AbortController();
  const plan = await makePlan({
    source: sourceOf(messages),
    ...{ settings, ledger: world.ledger, signal, onProgress: () => undefined },
    reader: {
      prefix: PREFIX,
      isListenedTo: (topic) => topic.endsWith('git.receive'),
      foresight: { foresee: foreseen },
    },
    lineage: { newer: async ({ a, b }) => (ordinal(world, a) > ordinal(world, b) ? 'a' : 'b') },
    spool: { put: async (record) => void spooled.push(record) },
  });
  if (plan === null) throw new Error('nobody interrupted the plan');
  const said = plan.entries.flatMap(({ builds }) =>
    builds.flatMap(({ build, will }) => (will && build !== null ? [build] : [])),
  );
  await sendPlan(
    plan,
    { records: () => recordsOf(spooled) },
    {
      bus: { publish: (message) => deliver(world, message) },
      ...{ prefix: PREFIX, run: settings.run, rate: RATE, signal, onSent: () => undefined },
      clock: { now: () => world.wall(), monotonic: () => world.events.now },
    },
  );
  return said;
}

function messagesOf({ log, outside }: World, past: Disturbances, random: Random): readonly Message[] {
  const messages = log.filter(() => random.chance(0.3)).map(({ message }) => message);
  for (const component of new Set(past.pushes.map((push) => push.component))) {
    for (const commit of outside.commits(component).slice(1))
      for (let copies = random.between(1, 2); copies > 0; copies -= 1)
        messages.splice(random.below(messages.length + 1), 0, pushOf('dist-git', component, commit.id, ['Dockerfile']));
  }
  messages.push(pushOf('dist-git', 'kernel', sampleCommit('kernel'), ['kernel.spec'], 'rpms'));
  messages.push({ id: 'other', topic: 'org.example.other', headers: {}, body: {} });
  return messages;
}

async function* sourceOf(messages: readonly Message[]): Source {
  yield messages.map((message): Found => ({ message, line: null, at: null }));
}

async function* recordsOf(spooled: readonly Spooled[]): AsyncGenerator<Spooled> {
  yield* spooled;
}

function ordinal({ outside }: World, commit: string): number {
  return outside.known(commit).ordinal;
}

const foreseen: Parameters<typeof makePlan>[0]['reader']['foresight']['foresee'] = async (message) => {
  const paths = { between: async () => ({ kind: 'unknown' as const }) };
  const found = await foresee(message, triggerSettings(false, 0), paths, new AbortController().signal);
  if (found.kind === 'decided') return { ...found, refused: [] };
  const { code, reason } = found.refusal;
  return code === 'not_a_push' ? { kind: 'no_push' } : { kind: 'refused', code, reason };
};

/** As a bus does: a push goes to the trigger, a request to its lane. */
async function deliver(world: World, message: Message): Promise<void> {
  if (nameOfTopic(PREFIX, message.topic) === null) await world.take(message);
  else world.publish(message);
}
