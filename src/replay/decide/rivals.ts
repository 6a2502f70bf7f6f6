import type { Build } from '../../messages/index.js';
import type { Duel, LedgerView, Verdict } from '../ports.js';
import type { Why } from './standing.js';

/** A build that is to be asked for, and the entry that does. */
export interface Draft {
  readonly index: number;
  readonly build: Build;
}

interface Rival {
  readonly id: string;
  readonly commit: string;
  readonly name: string;
}

/** Of the builds that are kept, so many are asked about: a branch that git says nothing of must not take for ever. */
const LOOK_BACK = 50;

/**
 * The drafts that a newer commit's build stands in for, with the reason. Each branch is gone through from its last
 * message on, which is newer than all others nearly always: so there are about as many questions as drafts.
 */
export function* settleRivals(
  drafts: readonly Draft[],
  ledger: LedgerView,
): Generator<Duel, ReadonlyMap<Draft, Why>, Verdict> {
  const losers = new Map<Draft, Why>();
  for (const stream of streamsOf(drafts)) {
    let kept: readonly Draft[] = [];
    for (const draft of stream.toReversed()) kept = yield* among(kept, draft, losers);
    yield* againstLedger(stream, kept, ledger, losers);
  }
  return losers;
}

/** What is kept once `draft` has been held against it. */
function* among(
  kept: readonly Draft[],
  draft: Draft,
  losers: Map<Draft, Why>,
): Generator<Duel, readonly Draft[], Verdict> {
  const beaten = new Set<Draft>();
  for (const other of kept.slice(0, LOOK_BACK)) {
    const verdict = yield* duel(draft.build, other.build.source.commit);
    if (verdict === 'b') {
      losers.set(draft, outdoneBy(ofThisReplay(other.build)));
      break;
    }
    if (verdict === 'a') {
      losers.set(other, outdoneBy(ofThisReplay(draft.build)));
      beaten.add(other);
    }
  }
  return [...kept.filter((other) => !beaten.has(other)), ...(losers.has(draft) ? [] : [draft])];
}

function* againstLedger(
  stream: readonly Draft[],
  kept: readonly Draft[],
  ledger: LedgerView,
  losers: Map<Draft, Why>,
): Generator<Duel, void, Verdict> {
  const [first] = stream;
  if (first === undefined) return;
  const own = new Set(stream.map(({ build }) => build.id));
  const rivals = new Map<string, Rival>();
  for (const row of ledger.builds({ component: first.build.component, target: first.build.target })) {
    if (own.has(row.id) || row.kind !== 'official' || row.state === 'canceled') continue;
    const { commit } = row.source;
    if (!rivals.has(commit)) rivals.set(commit, { id: row.id, commit, name: row.nvr ?? row.id });
  }
  for (const draft of kept) {
    for (const rival of rivals.values()) {
      if ((yield* duel(draft.build, rival.commit)) !== 'b') continue;
      losers.set(draft, outdoneBy(rival));
      break;
    }
  }
}

/** `a`: the first one is newer. Builds of one commit do not stand in for each other. */
function* duel({ source }: Build, commit: string): Generator<Duel, Verdict, Verdict> {
  if (source.commit === commit) return 'unknown';
  return yield { source, a: source.commit, b: commit };
}

function ofThisReplay({ id, source }: Build): Rival {
  return { id, commit: source.commit, name: `${id}, of this replay` };
}

function outdoneBy({ commit, name }: Rival): Why {
  return { code: 'superseded', reason: `a newer commit, ${commit.slice(0, 7)}, stands in for it (${name})` };
}

function streamsOf(drafts: readonly Draft[]): Iterable<readonly Draft[]> {
  const streams = new Map<string, Draft[]>();
  for (const draft of drafts) {
    const { target, component } = draft.build;
    const key = `${target}/${component}`;
    const stream = streams.get(key);
    if (stream === undefined) streams.set(key, [draft]);
    else stream.push(draft);
  }
  return streams.values();
}
