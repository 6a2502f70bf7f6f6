import { buildId, endMessageId } from '../kernel/ids.js';
import { ok, type Result } from '../kernel/result.js';
import { type Build, type Message, type Ours, parseOurs } from '../messages/index.js';
import {
  attemptOf,
  type Base,
  type BuildFacts,
  ENDS,
  type Fact,
  type FoldedName,
  type KnownNvr,
  type Told,
} from './facts.js';

/** Raised with every change of what the fold keeps; a store of another version is made anew. */
export const FOLD_VERSION = 3;

/**
 * Messages kept of one build, state and attempt: the first on the log. They differ in their ids alone, and whoever repeats
 * one with ever new ids would make each message about the build cost more than the one before.
 */
const MAX_ALIKE = 64;

/** What the log says of a message beside its content. */
export interface Meta {
  /** Place on the log, counted from its start. */
  readonly seq: number;
  /** ISO time. */
  readonly storedAt: string;
}

/** A message of ours about one build, its form found sound. */
export interface Sound {
  /** Id of the build. */
  readonly build: string;
  readonly content: Build | null;
  readonly message: Message;
  readonly told: Told;
}

/**
 * Reads a message for the fold. Null: none of the ledger's. An error: a message of ours that is skipped, and why; each
 * process that reads it comes to the same end, since nothing but the message is asked.
 */
export function read(prefix: string, message: Message): Result<Sound, string> | null {
  const parsed = parseOurs(prefix, message);
  if (parsed === null) return null;
  if (!parsed.ok) return parsed;
  const ours = parsed.value;
  if (!isOfBuild(ours)) return null;
  const told = tell(ours);
  if (ours.name === 'build.cancel.v1') return ok({ build: ours.body.build, content: null, message, told });
  return ok({ build: ours.body.build.id, content: ours.body.build, message, told });
}

/**
 * Whether the build's id is the one that its own inputs give, and that of its end the one that the build gives: null, or
 * what is wrong. With any other id an end that was told before could be told once more, as if its names had been given to
 * it again. A build that is `known` has been proved already, and a look at the inputs takes less time than computing the
 * id again.
 */
export function forged({ build, content, message, told }: Sound, known: BuildFacts | null): string | null {
  const endId = ENDS.some((state) => state === told.state) ? endMessageId(build) : message.id;
  if (message.id !== endId) return `the message’s id is not ${endId}, which is that of the build’s one end`;
  if (content === null || (known?.base && sameInputs(known.base.build, content))) return null;
  const computed = idOf(content);
  return computed === content.id ? null : `/build/id is ${content.id}, but the build’s own inputs give ${computed}`;
}

/** Adds a sound message to what is known of its build. Returns the same object when it tells nothing new. */
export function fold(known: BuildFacts | null, { build, content, message, told }: Sound, meta: Meta): BuildFacts {
  const facts = known?.facts ?? [];
  const same = facts.findIndex((fact) => fact.id === message.id && fact.topic === message.topic);
  const copy = facts[same];
  if (known !== null && copy !== undefined && copy.seq <= meta.seq) return known;
  const fact: Fact = { id: message.id, topic: message.topic, seq: meta.seq, storedAt: meta.storedAt, told };
  const others = copy === undefined ? facts : facts.filter((_, index) => index !== same);
  const base = better(known?.base ?? null, baseOf(content, told, meta));
  const kept = bounded(inserted(others, fact), fact);
  if (known !== null && base === known.base && !kept.includes(fact)) return known;
  return { id: build, base, facts: kept };
}

/** Without the last of those that are like the one that was added, when they are too many. */
function bounded(facts: readonly Fact[], added: Fact): readonly Fact[] {
  if (facts.length <= MAX_ALIKE) return facts;
  const alike = facts.filter((fact) => fact.told.state === added.told.state && attemptOf(fact) === attemptOf(added));
  const last = alike.length > MAX_ALIKE ? alike.at(-1) : undefined;
  return last === undefined ? facts : facts.filter((fact) => fact !== last);
}

function inserted(facts: readonly Fact[], fact: Fact): readonly Fact[] {
  const before = facts.findLastIndex((other) => other.seq < fact.seq) + 1;
  return [...facts.slice(0, before), fact, ...facts.slice(before)];
}

function baseOf(build: Build | null, told: Told, { seq }: Meta): Base | null {
  return build === null ? null : { build, rank: told.state === 'requested' ? 0 : 1, seq };
}

function better(a: Base | null, b: Base | null): Base | null {
  if (a === null || b === null) return a ?? b;
  if (a.rank !== b.rank) return a.rank < b.rank ? a : b;
  return a.seq <= b.seq ? a : b;
}

function sameInputs(a: Build, b: Build): boolean {
  return (
    a.component === b.component &&
    a.target === b.target &&
    a.source.commit === b.source.commit &&
    a.kind === b.kind &&
    a.cause.key === b.cause.key &&
    sameArgs(a.build_args, b.build_args)
  );
}

function sameArgs(a: Build['build_args'], b: Build['build_args']): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}

function idOf(build: Build): string {
  return buildId({
    component: build.component,
    target: build.target,
    commit: build.source.commit,
    kind: build.kind,
    buildArgs: build.build_args,
    causeKey: build.cause.key,
  });
}

type FoldedMessage = Extract<Ours, { readonly name: FoldedName }>;

function isOfBuild(ours: Ours): ours is FoldedMessage {
  return ours.name !== 'build.output.v1' && ours.name !== 'wave.opened.v1' && ours.name !== 'wave.closed.v1';
}

function tell(ours: FoldedMessage): Told {
  if (ours.name === 'build.cancel.v1') {
    return { state: 'cancel', agent: ours.body.agent, reason: ours.body.reason };
  }
  const { build } = ours.body;
  const about = { attempt: build.attempt, nvr: nvrOf(build) };
  switch (ours.name) {
    case 'build.requested.v1':
      return { state: 'requested', ...about, cascade: false };
    case 'build.requested.cascade.v1':
      return { state: 'requested', ...about, cascade: true };
    case 'build.skipped.v1': {
      const { reason, waiting_for } = ours.body;
      return { state: 'skipped', ...about, code: reason.code, message: reason.message, waitingFor: waiting_for };
    }
    case 'build.started.v1':
      return { state: 'started', ...about, process: ours.body.process };
    case 'build.completed.v1': {
      const { image, parents, timings, log } = ours.body;
      return { state: 'completed', ...about, image, parents, timings, log };
    }
    case 'build.failed.v1': {
      const { failure, parents, timings, log } = ours.body;
      return { state: 'failed', ...about, failure, parents, timings, log };
    }
    case 'build.canceled.v1': {
      const { reason, successor } = ours.body;
      return { state: reason.code === 'superseded' ? 'superseded' : 'canceled', ...about, successor };
    }
  }
}

function nvrOf({ name, version, release, nvr }: Build): KnownNvr {
  return { name, version, release, nvr };
}
