/** People who push one after the other while a cascade has all slots: how long they wait. */
import { Random } from '../simulation/random.js';
import { drawSpecs, type Spec, type Specs } from './images.js';
import { judgeWaves, type Violation } from './judge.js';
import { lengthOf, MEAN_LENGTH_MS } from './lengths.js';
import { World } from './world.js';

const CASCADE = 500;
const SLOTS = 2;
/** Components that nothing of the cascade stands on or carries. */
const BESIDE = 50;
/** Milliseconds from the beginning of one's build to the next push, on average. */
const PAUSE_MS = 4 * MEAN_LENGTH_MS;

/** Milliseconds between two looks whether it has begun. */
const LOOK_MS = 10_000;

export interface PeopleReport {
  /** From request to begin, in mean lengths of a build. */
  readonly waits: readonly number[];
  /** Share of the slots' time that was built in, from the first rebuild to the last. */
  readonly busyRatio: number;
  readonly builds: number;
  readonly violations: readonly Violation[];
}

export async function runPeople(seed: number, { cascade = CASCADE } = {}): Promise<PeopleReport> {
  const random = new Random(seed);
  const specs = specsOf(random, cascade);
  const world = await World.begin(specs, { random, slots: SLOTS, lengthOf });
  const { events, outside } = world;
  const all = [...specs.keys()].filter((component) => component !== 'base-0');
  await world.tell('base-0', outside.commit('base-0'));
  const push = async (): Promise<void> => {
    if (!isRunning(world)) return;
    const component = all[random.below(all.length)] ?? '';
    const commit = outside.commit(component);
    await world.tell(component, commit);
    const next = (): void => {
      // One at a time: the next comes when this one has begun.
      const row = world.ledger
        .builds({ component, target: 'f41', commit: commit.id })
        .find(({ cause }) => cause.type === 'push');
      if (row?.state === 'requested') events.after(LOOK_MS, next);
      else events.after(-Math.log(1 - random.next()) * PAUSE_MS, push);
    };
    events.after(LOOK_MS, next);
  };
  events.after(10 * MEAN_LENGTH_MS, push);
  await world.rest();
  world.close();
  const { executions } = world;
  const [first] = world.ledger.waves({ limit: Number.MAX_SAFE_INTEGER }).slice(-1);
  const rebuilds = executions.filter(({ id }) => world.ledger.build(id)?.cause.wave === first?.id);
  const began = Math.min(...rebuilds.map(({ begunAt }) => begunAt));
  const ended = Math.max(...rebuilds.map(({ endedAt }) => endedAt));
  const busyMs = executions.reduce(
    (sum, { begunAt, endedAt }) => sum + Math.max(0, Math.min(endedAt, ended) - Math.max(begunAt, began)),
    0,
  );
  const people = executions.filter(({ lane, askedAt }) => lane === 'people' && askedAt > began && askedAt < ended);
  return {
    waits: people.map(({ askedAt, begunAt }) => (begunAt - askedAt) / MEAN_LENGTH_MS),
    busyRatio: busyMs / (SLOTS * (ended - began)),
    builds: executions.length,
    violations: judgeWaves(world),
  };
}

function isRunning({ ledger }: World): boolean {
  const waves = ledger.waves({ limit: Number.MAX_SAFE_INTEGER });
  return waves.at(-1)?.closedAt === null;
}

/** One base, on which all of the cascade stands, and some that have nothing to do with it. */
function specsOf(random: Random, cascade: number): Specs {
  const specs = new Map<string, Spec>(drawSpecs(random, cascade + 1, { isCalm: true, bases: 1 }));
  for (let at = 0; at < BESIDE; at += 1) {
    const component = `alone-${at}`;
    specs.set(component, { component, parents: [], level: 0, isBrittle: false, isOut: false });
  }
  return specs;
}
