/** What happens in a run of chaos: pushes, and faults at points spread over a build's steps. Pure, and the seed's alone. */
import { type Random, randomFrom } from './random.js';

export const ROLES = ['trigger', 'builder', 'planner'] as const;
export type Role = (typeof ROLES)[number];

/** The steps of a build (design, section 6); a push comes before them. */
export const STEPS = [
  'push',
  'claim',
  'look',
  'recall',
  'started',
  'source',
  'inspect',
  'build',
  'upload',
  'tags',
  'completed',
] as const;
export type Step = (typeof STEPS)[number];

/** `worker`: whoever has the build that is hit, or some builder; else one of the two of a role. */
export type Victim = 'worker' | { readonly role: Role; readonly index: 0 | 1 };
export type Line = 'bus' | 'registry';
export type Restarted = 'broker' | 'registry' | 'engine';

/** Times in milliseconds. The victim of a line of the bus is one process; the registry has one line for all. */
export type Harm =
  | { readonly kind: 'kill'; readonly victim: Victim; readonly awayMs: number }
  | { readonly kind: 'pause'; readonly victim: Victim; readonly forMs: number }
  /** `reset`: living connections end. `refuse`: new ones too. `stuck`: all stay open, and nothing passes. */
  | {
      readonly kind: 'cut';
      readonly line: Line;
      readonly victim: Victim;
      readonly how: 'reset' | 'refuse' | 'stuck';
      readonly forMs: number;
    }
  | {
      readonly kind: 'slow';
      readonly line: Line;
      readonly victim: Victim;
      readonly latencyMs: number;
      readonly bytesPerSecond: number;
      readonly forMs: number;
    }
  | { readonly kind: 'restart'; readonly service: Restarted; readonly awayMs: number };

export interface PlannedFault {
  /** The step that some build must reach, and how long after it was seen to; milliseconds. */
  readonly step: Step;
  readonly delayMs: number;
  readonly harm: Harm;
  /** Until the next fault may come; milliseconds. This one may last longer. */
  readonly gapMs: number;
}

export interface PlannedPush {
  readonly component: string;
  /** How long the commit's own step runs; 0: it has none. */
  readonly seconds: number;
  /** Before the push; milliseconds. */
  readonly pauseMs: number;
}

/** Some pushes, and the fault that comes among their builds; the last round has none. */
export interface Round {
  readonly pushes: readonly PlannedPush[];
  readonly fault: PlannedFault | null;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly pushes: number;
  readonly faults: number;
  readonly repositories: number;
  /** False: the bus is a file, which has no broker and no line. */
  readonly broker: boolean;
}

/** Longer than any lease: claims are free 10 s after their holder fell silent. */
const PAUSE_MS = { least: 12_000, most: 16_000 } as const;
/** How many milliseconds after it was seen a step lasts, about. */
const REACH_MS: Readonly<Record<Step, number>> = {
  push: 40,
  claim: 20,
  look: 60,
  recall: 30,
  started: 8,
  source: 60,
  inspect: 150,
  build: 1_500,
  upload: 80,
  tags: 80,
  completed: 60,
};

type Draw = (random: Random, step: Step) => Harm;

const some = (random: Random, role: Role): Victim => ({ role, index: random.pick([0, 1] as const) });
/** Before a build is anybody's, the trigger has it in hand. */
const atWork = (random: Random, step: Step): Victim => (step === 'push' ? some(random, 'trigger') : 'worker');
const anyone = (random: Random): Victim => some(random, random.pick(ROLES));

const kill =
  (victim: (random: Random, step: Step) => Victim): Draw =>
  (random, step) => ({
    kind: 'kill',
    victim: victim(random, step),
    awayMs: random.whole(0, 2_000),
  });
const pauseOf =
  (victim: (random: Random, step: Step) => Victim): Draw =>
  (random, step) => ({
    kind: 'pause',
    victim: victim(random, step),
    forMs: random.whole(PAUSE_MS.least, PAUSE_MS.most),
  });
const cut =
  (line: Line, how: 'reset' | 'refuse' | 'stuck', most: number): Draw =>
  (random, step) => ({
    kind: 'cut',
    line,
    how,
    victim: atWork(random, step),
    forMs: how === 'reset' ? 0 : random.whole(500, most),
  });
const slow =
  (line: Line): Draw =>
  (random, step) => ({
    kind: 'slow',
    line,
    victim: random.pick([atWork(random, step), anyone(random)]),
    latencyMs: random.whole(20, 150),
    bytesPerSecond: random.whole(50_000, 500_000),
    forMs: random.whole(2_000, 6_000),
  });
const restart =
  (service: Restarted): Draw =>
  (random) => ({
    kind: 'restart',
    service,
    awayMs: random.whole(0, 3_000),
  });

/** By kind; of each kind one is drawn before it comes again. */
function draws(broker: boolean): Readonly<Record<Harm['kind'], readonly Draw[]>> {
  const onBus = (...of: readonly Draw[]): readonly Draw[] => (broker ? of : []);
  return {
    kill: [
      kill(atWork),
      kill(atWork),
      kill((random) => some(random, 'planner')),
      kill((random) => some(random, 'trigger')),
    ],
    pause: [pauseOf(atWork), pauseOf(atWork), pauseOf(anyone)],
    cut: [
      cut('registry', 'reset', 0),
      cut('registry', 'refuse', 4_000),
      cut('registry', 'stuck', 4_000),
      // `stuck` longer than a lease: whoever is cut off is taken for dead.
      ...onBus(cut('bus', 'reset', 0), cut('bus', 'refuse', 8_000), cut('bus', 'stuck', 15_000)),
    ],
    slow: [slow('registry'), ...onBus(slow('bus'))],
    restart: [restart('registry'), restart('engine'), ...onBus(restart('broker'))],
  };
}

/** The same options give the same plan. */
export function schedule({ seed, pushes, faults, repositories, broker }: ScheduleOptions): readonly Round[] {
  const random = randomFrom(seed);
  const steps = deck(random, STEPS);
  const known = draws(broker);
  const kinds = deck(random, Object.keys(known) as Harm['kind'][]);
  const decks = {
    kill: deck(random, known.kill),
    pause: deck(random, known.pause),
    cut: deck(random, known.cut),
    slow: deck(random, known.slow),
    restart: deck(random, known.restart),
  };
  const drawOf = (kind: Harm['kind']): Draw => decks[kind]();
  const rounds = faults + 1;
  return Array.from({ length: rounds }, (_, index) => {
    const [from, to] = [Math.floor((pushes * index) / rounds), Math.floor((pushes * (index + 1)) / rounds)];
    const planned = Array.from({ length: to - from }, () => push(random, repositories));
    if (index === faults) return { pushes: planned, fault: null };
    const step = steps();
    const harm = drawOf(kinds())(random, step);
    const delayMs = random.whole(0, REACH_MS[step]);
    return { pushes: planned, fault: { step, delayMs, harm, gapMs: random.whole(500, 4_000) } };
  });
}

function push(random: Random, repositories: number): PlannedPush {
  return {
    component: `image-${random.whole(1, repositories)}`,
    seconds: random.pick([0, 0, 1, 2]),
    pauseMs: random.whole(0, 300),
  };
}

/** Deals a shuffled deck, and shuffles again when all is dealt. */
function deck<T>(random: Random, items: readonly T[]): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...random.shuffle(items)];
    const dealt = left.pop();
    if (dealt === undefined) throw new Error('the deck is empty');
    return dealt;
  };
}
