/** Engines that take time: slots, whose turn it is, and what comes of a build. */

import { goBefore } from '../../src/builder/decide/coalesce.js';
import { type Asked, inARowAfter, type Lane, type Standing, streamOf, turnOf } from '../../src/builder/decide/fair.js';
import { beforeStart, beforeTags } from '../../src/builder/decide/lookout.js';
import { nameBuild, TAKEN } from '../../src/builder/decide/naming.js';
import { hasNames, newerOf, rivalsOf } from '../../src/builder/rivals.js';
import { successorOf } from '../../src/builder/supersede.js';
import type { FetchedRef } from '../../src/git/index.js';
import type { Digest } from '../../src/kernel/digest.js';
import { failure } from '../../src/kernel/failure.js';
import { endMessageId, messageId } from '../../src/kernel/ids.js';
import type { BuildRow } from '../../src/ledger/index.js';
import {
  type Build,
  CATALOG,
  compose,
  type Image,
  type Message,
  type MessageBodies,
  type MessageName,
  type Parent,
} from '../../src/messages/index.js';
import { PREFIX, SAMPLE_PROCESS, sampleDigest } from '../support/samples.js';
import type { Events } from './events.js';
import type { MemoryLedger } from './ledger.js';
import { contentOf, type Made, nameOf, type Outside } from './outside.js';

/** Names are made as in service, for a target of this form. */
const TARGET = { name: 'f41', dist: '.f41', defaultVersion: '1', latest: true };

/** Until a push is looked at again that waits for the build of an earlier one. */
const COALESCE_AGAIN_MS = 1_000;

/** A build that had a slot. */
export interface Execution {
  readonly id: string;
  readonly component: string;
  readonly lane: Lane;
  /** Milliseconds of the world's time. */
  readonly askedAt: number;
  readonly begunAt: number;
  readonly endedAt: number;
}

export interface BuildersParts {
  readonly events: Events;
  readonly ledger: MemoryLedger;
  readonly outside: Outside;
  readonly slots: number;
  /** Milliseconds that a build takes. */
  readonly lengthOf: (build: string) => number;
  readonly now: () => Date;
  readonly publish: (message: Message) => void;
}

interface Waiting {
  readonly build: Build;
  readonly askedAt: number;
}

export class Builders {
  readonly executions: Execution[] = [];
  readonly #parts: BuildersParts;
  readonly #lanes: Readonly<Record<Lane, Waiting[]>> = { people: [], cascade: [] };
  readonly #building = new Map<string, Asked>();
  readonly #served = new Map<string, number>();
  readonly #primaryTags = new Map<string, string>();
  #inARow = 0;
  #count = 0;

  constructor(parts: BuildersParts) {
    this.#parts = parts;
  }

  /** A request comes to its lane. */
  async offer(lane: Lane, build: Build): Promise<void> {
    await this.#offer(lane, { build, askedAt: this.#parts.events.now });
  }

  async #offer(lane: Lane, waiting: Waiting): Promise<void> {
    this.#lanes[lane].push(waiting);
    await this.#serve();
  }

  async #serve(): Promise<void> {
    while (this.#building.size < this.#parts.slots) {
      const onBus = { people: this.#lanes.people.length > 0, cascade: this.#lanes.cascade.length > 0 };
      const standing: Standing = {
        building: [...this.#building.values()],
        inARow: this.#inARow,
        served: this.#served,
        limits: new Map(),
      };
      const turn = turnOf({ inHand: [], onBus }, standing);
      if (turn.kind !== 'fetch') return;
      const waiting = this.#lanes[turn.lane].shift();
      if (waiting === undefined) return;
      const begun = await this.#begin(turn.lane, waiting);
      if (begun) this.#inARow = inARowAfter(turn.lane, onBus.cascade, this.#inARow);
    }
  }

  /** True when the build has a slot now. */
  async #begin(lane: Lane, { build, askedAt }: Waiting): Promise<boolean> {
    const { ledger, events, outside } = this.#parts;
    const row = ledger.build(build.id);
    if (row === null) throw new Error(`the log does not have ${build.id}`);
    const mirror = mirrorOf(outside, build.component);
    const decision = beforeStart({
      ...{ attempt: build.attempt, claimed: !this.#building.has(build.id), row, tagged: false },
      successor: await successorOf({ supersede: true }, { ledger }, build, row, mirror),
      isHead: mirror.head === build.source.commit,
      hasNames: hasNames(ledger, row),
    });
    if (decision.kind === 'retry') events.after(decision.afterMs, () => this.#offer(lane, { build, askedAt }));
    if (decision.kind === 'canceled') {
      const { code, message } = decision;
      this.#say('build.canceled.v1', build, {
        reason: { code, message },
        successor: decision.successor,
        process: SAMPLE_PROCESS,
      });
    }
    if (decision.kind !== 'run') return false;
    if (goBefore(row, rivalsOf(ledger, build)).some(({ id }) => this.#building.has(id))) {
      events.after(COALESCE_AGAIN_MS, () => this.#offer(lane, { build, askedAt }));
      return false;
    }
    this.#say('build.started.v1', build, { process: SAMPLE_PROCESS });
    const parents = this.#parentsOf(build);
    if (parents === null) return false;
    this.#count += 1;
    const asked = { lane, target: build.target, component: build.component };
    this.#served.set(streamOf(asked), this.#count);
    this.#building.set(build.id, asked);
    const begunAt = events.now;
    events.after(this.#parts.lengthOf(build.id), async () => {
      this.#building.delete(build.id);
      this.executions.push({ id: build.id, component: build.component, lane, askedAt, begunAt, endedAt: events.now });
      await this.#end(build, parents);
      await this.#serve();
    });
    return true;
  }

  /** What a rebuild was pinned to, else what the names stand for now; null when one is missing, which is said. */
  #parentsOf(build: Build): readonly Parent[] | null {
    const { outside, ledger } = this.#parts;
    const found = outside.spec(build.component).parents.map((spec) => {
      const resolved = nameOf(spec);
      const pinned = build.cause.parents?.find(({ name }) => name === resolved);
      const digest = pinned?.digest ?? outside.now(resolved)?.image.digest ?? null;
      return { component: spec.component, written: `${spec.component}:${spec.tag}`, resolved, digest };
    });
    const missing = found.filter(({ digest }) => digest === null).map(({ component }) => component);
    if (missing.length > 0) {
      const reason = { code: 'waiting_for_parent', message: `It waits for ${missing.join(', ')}.` };
      this.#say('build.skipped.v1', build, { reason, waiting_for: missing });
      return null;
    }
    return found.map(({ written, resolved, digest }) => {
      const known = digest ?? '';
      return { written, resolved, digest: known, build: ledger.byDigest(known)?.id ?? null };
    });
  }

  async #end(build: Build, parents: readonly Parent[]): Promise<void> {
    const { outside, ledger } = this.#parts;
    const { component } = build;
    const commit = outside.known(build.source.commit);
    const on = new Map(
      parents.map(({ digest }) => {
        const made = outside.byDigest(digest);
        return [made?.component ?? '', (made?.image.content ?? '') as Digest] as const;
      }),
    );
    const facts = { parents: [...parents], timings: null, log: null, process: SAMPLE_PROCESS };
    const row = ledger.build(build.id);
    if (row === null) return;
    if (outside.fails(outside.spec(component), commit, on)) {
      const why = failure('build_failed', 'build', 'Step 2 of 3 ended with exit code 1.');
      this.#say('build.failed.v1', build, { failure: why, ...facts });
      return;
    }
    const named = this.#nameOf(row, commit.ordinal);
    const own = { ...build, commit: build.source.commit, requestedSeq: row.requestedSeq };
    const rivals = rivalsOf(ledger, build).filter(({ state }) => state === 'completed');
    const tags = beforeTags({
      ...{ mode: 'build', kind: 'official', row, holdsClaim: true, tagged: false },
      newerCompleted: await newerOf(own, rivals, mirrorOf(outside, component)),
    });
    if (tags.kind !== 'tag') throw new Error(`a build may not be tagged: ${tags.kind}`);
    const mine = [`build-${build.id}`, named.primaryTag ?? ''];
    const references = [...mine, ...(tags.floating ? named.floatingTags : [])];
    const made = madeOf(build, commit.payload, on, references);
    outside.put(made);
    const { name, version, release, nvr } = named;
    this.#say('build.completed.v1', { ...build, name, version, release, nvr }, { image: made.image, ...facts });
  }

  #nameOf({ id, component, source, cause, requestedAt }: BuildRow, ordinal: number) {
    const input = {
      ...{ buildId: id, component, kind: 'official' as const, labels: {}, target: TARGET, branch: source.branch },
      ...{ commit: source.commit, commitCount: ordinal + 1, givenRelease: null },
      stamp: ['person', 'rebuild', 'replay'].includes(cause.type) ? new Date(requestedAt ?? 0) : null,
    };
    for (const taken of TAKEN) {
      const named = nameBuild({ ...input, taken });
      if (!named.ok) throw new Error(named.error.message);
      const tag = `${component} ${named.value.primaryTag}`;
      if ((this.#primaryTags.get(tag) ?? id) !== id) continue;
      this.#primaryTags.set(tag, id);
      return named.value;
    }
    throw new Error(`${component} has no free release`);
  }

  #say<Name extends MessageName & `build.${string}`>(
    name: Name,
    build: Build,
    rest: Omit<MessageBodies[Name], 'build'>,
  ): void {
    this.#parts.publish(told(name, build, rest, this.#parts.now()));
  }
}

/** What a build came to, as the registry has it. */
export function madeOf(
  build: Pick<Build, 'id' | 'component' | 'source'>,
  payload: number,
  on: Made['on'],
  tags: readonly string[],
): Made {
  const digest = sampleDigest(`image ${build.id}`);
  const image: Image = {
    digest,
    media_type: 'application/vnd.oci.image.manifest.v1+json',
    content: contentOf(build.component, payload, on),
    references: tags.map((tag) => nameOf({ component: build.component, tag })),
    platforms: [{ platform: 'linux/amd64', digest, size: 1 }],
  };
  return { build: build.id, component: build.component, image, commit: build.source.commit, on };
}

/** A message of a builder. */
export function told<Name extends MessageName & `build.${string}`>(
  name: Name,
  build: Build,
  rest: Omit<MessageBodies[Name], 'build'>,
  now: Date,
): Message {
  const isEnd = name === 'build.completed.v1' || name === 'build.failed.v1';
  const id = isEnd ? endMessageId(build.id) : messageId(build.id, CATALOG[name].topic, build.attempt);
  const body = { build, ...rest } as unknown as MessageBodies[Name];
  return compose({ prefix: PREFIX, name, id, body, now, containers: [build.component] });
}

/** What a builder knows of a component's branch: its commits follow on each other. */
function mirrorOf(outside: Outside, component: string): FetchedRef {
  const ordinal = (commit: string): number => outside.known(commit).ordinal;
  const head = outside.head(component)?.id ?? null;
  const known: Pick<FetchedRef, 'head' | 'has' | 'isOnRef' | 'isAncestor'> = {
    head,
    has: async () => true,
    isOnRef: async () => true,
    isAncestor: async (ancestor, descendant) => ordinal(ancestor) <= ordinal(descendant),
  };
  return known as FetchedRef;
}
