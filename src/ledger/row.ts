import type { BuildRow, BuildState } from './contract.js';
import { attemptOf, type BuildFacts, ENDS, type Fact, type KnownNvr, type Told, type ToldOf } from './facts.js';

type FactOf<State extends Told['state']> = Fact & { readonly told: ToldOf<State> };

/** Of one attempt, which word is the later one. A skip comes after the start that found a parent missing. */
const STEP = { requested: 0, started: 1, skipped: 2, superseded: 3 } as const;
type Step = keyof typeof STEP;

const NO_NVR: KnownNvr = { name: null, version: null, release: null, nvr: null };

/** The row that a build's facts make; null while nothing but commands has named the build. */
export function rowOf({ id, base, facts }: BuildFacts): BuildRow | null {
  if (base === null) return null;
  const { build } = base;
  const requests = factsOf(facts, 'requested');
  const start = newest(factsOf(facts, 'started'));
  const end = endOf(facts);
  const step = stepOf(facts);
  const state = stateOf(end, step);
  const cancel = factsOf(facts, 'cancel')[0];
  return {
    id,
    component: build.component,
    target: build.target,
    kind: build.kind,
    state,
    ended: end !== null,
    attempt: Math.max(...facts.map(attemptOf)),
    ...nvrOf(facts, end),
    source: build.source,
    cause: build.cause,
    buildArgs: build.build_args,
    requestedSeq: (requests[0] ?? facts[0])?.seq ?? 0,
    cascade: latest(requests)?.told.cascade ?? false,
    requestedAt: requests[0]?.storedAt ?? null,
    startedAt: start?.storedAt ?? null,
    endedAt: end?.storedAt ?? null,
    process: start?.told.process ?? null,
    startedAttempt: start?.told.attempt ?? 0,
    cancel: cancel === undefined ? null : { agent: cancel.told.agent, reason: cancel.told.reason },
    ...outcome(end?.told ?? step?.told ?? null),
    messages: facts.map((fact) => ({ topic: fact.topic, id: fact.id, seq: fact.seq, storedAt: fact.storedAt })),
  };
}

function factsOf<State extends Told['state']>(facts: readonly Fact[], state: State): readonly FactOf<State>[] {
  return facts.filter((fact): fact is FactOf<State> => fact.told.state === state);
}

/** Of the highest attempt; of several, the one that is first on the log. */
function newest<F extends Fact>(facts: readonly F[]): F | null {
  return facts.reduce<F | null>(
    (best, fact) => (best === null || attemptOf(fact) > attemptOf(best) ? fact : best),
    null,
  );
}

/** Of the highest attempt; of several, the one that is last on the log. */
function latest<F extends Fact>(facts: readonly F[]): F | null {
  return facts.reduce<F | null>(
    (best, fact) => (best === null || attemptOf(fact) >= attemptOf(best) ? fact : best),
    null,
  );
}

function endOf(facts: readonly Fact[]): FactOf<(typeof ENDS)[number]> | null {
  for (const state of ENDS) {
    const first = factsOf(facts, state)[0];
    if (first !== undefined) return first;
  }
  return null;
}

/** How far a build that has not ended has come: its highest attempt, and there the latest step. */
function stepOf(facts: readonly Fact[]): FactOf<Step> | null {
  let best: FactOf<Step> | null = null;
  for (const fact of facts) if (isStep(fact) && (best === null || isLater(fact, best))) best = fact;
  return best;
}

function isStep(fact: Fact): fact is FactOf<Step> {
  return fact.told.state in STEP;
}

function isLater(a: FactOf<Step>, b: FactOf<Step>): boolean {
  if (a.told.attempt !== b.told.attempt) return a.told.attempt > b.told.attempt;
  return STEP[a.told.state] > STEP[b.told.state];
}

function stateOf(end: FactOf<(typeof ENDS)[number]> | null, step: FactOf<Step> | null): BuildState {
  if (end !== null) return end.told.state;
  const state = step?.told.state ?? 'requested';
  return state === 'superseded' ? 'canceled' : state;
}

/** The end's own name, version and release; else those of the highest attempt that knew them. */
function nvrOf(facts: readonly Fact[], end: Fact | null): KnownNvr {
  const ofEnd = end === null ? null : knownNvr(end);
  if (ofEnd !== null) return ofEnd;
  const knowing = newest(facts.filter((fact) => knownNvr(fact) !== null));
  return (knowing === null ? null : knownNvr(knowing)) ?? NO_NVR;
}

function knownNvr({ told }: Fact): KnownNvr | null {
  return told.state === 'cancel' || told.nvr.nvr === null ? null : told.nvr;
}

type Outcome = Pick<BuildRow, 'image' | 'parents' | 'failure' | 'skipped' | 'successor' | 'timings' | 'log'>;

/** What the word that decides the state brought with it. */
function outcome(told: Told | null): Outcome {
  const none: Outcome = {
    image: null,
    parents: [],
    failure: null,
    skipped: null,
    successor: null,
    timings: null,
    log: null,
  };
  switch (told?.state) {
    case 'completed':
      return { ...none, image: told.image, parents: told.parents, timings: told.timings, log: told.log };
    case 'failed':
      return { ...none, failure: told.failure, parents: told.parents, timings: told.timings, log: told.log };
    case 'skipped':
      return { ...none, skipped: { code: told.code, message: told.message, waitingFor: told.waitingFor } };
    case 'canceled':
    case 'superseded':
      return { ...none, successor: told.successor };
    case 'requested':
    case 'started':
    case 'cancel':
    case undefined:
      return none;
  }
}
