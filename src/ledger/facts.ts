import type { Build, Failure, Image, MessageName, Parent, Process, Timings } from '../messages/index.js';

/**
 * What is kept of the messages about one build. It is a set: adding is commutative, and adding twice is adding once,
 * so the row made of it (`row.ts`) does not depend on the order in which a process read the log.
 */
export interface BuildFacts {
  readonly id: string;
  /** The build as its best witness tells it; null while only commands have named it. */
  readonly base: Base | null;
  /** One for each topic and message id, lowest place on the log first. */
  readonly facts: readonly Fact[];
}

export interface Base {
  readonly build: Build;
  /** 0 when a request told it, 1 for any other message: a request knows best why it asks. */
  readonly rank: 0 | 1;
  readonly seq: number;
}

/** One message of ours about a build. */
export interface Fact {
  readonly id: string;
  readonly topic: string;
  /** Place on the log, counted from its start; the lowest of the message's copies. */
  readonly seq: number;
  /** ISO time. */
  readonly storedAt: string;
  readonly told: Told;
}

/** Name, version and release as a message has them. */
export interface KnownNvr {
  readonly name: string | null;
  readonly version: string | null;
  readonly release: string | null;
  readonly nvr: string | null;
}

/** Ends, strongest first: what was made was made, whatever else was said. A build has one. */
export const ENDS = ['completed', 'failed', 'canceled'] as const;

/** A cancel is of no attempt: 0. */
export function attemptOf({ told }: Fact): number {
  return told.state === 'cancel' ? 0 : told.attempt;
}

/** A message's own part, without the build that all of them carry. */
export type Told =
  | { readonly state: 'requested'; readonly attempt: number; readonly nvr: KnownNvr; readonly cascade: boolean }
  | { readonly state: 'started'; readonly attempt: number; readonly nvr: KnownNvr; readonly process: Process }
  | {
      readonly state: 'skipped';
      readonly attempt: number;
      readonly nvr: KnownNvr;
      readonly code: string;
      readonly message: string;
      readonly waitingFor: readonly string[];
    }
  | {
      readonly state: 'superseded';
      readonly attempt: number;
      readonly nvr: KnownNvr;
      readonly successor: string | null;
    }
  | ({ readonly state: 'completed'; readonly image: Image } & Ended)
  | ({ readonly state: 'failed'; readonly failure: Failure } & Ended)
  | {
      readonly state: 'canceled';
      readonly attempt: number;
      readonly nvr: KnownNvr;
      readonly successor: string | null;
    }
  | { readonly state: 'cancel'; readonly agent: string | null; readonly reason: string | null };

interface Ended {
  readonly attempt: number;
  readonly nvr: KnownNvr;
  readonly parents: readonly Parent[];
  readonly timings: Timings | null;
  readonly log: string | null;
}

export type ToldOf<State extends Told['state']> = Extract<Told, { readonly state: State }>;

/** Kinds of messages that say something about a build; waves are folded apart, `build.output` is not for the ledger. */
export type FoldedName = Exclude<MessageName, 'build.output.v1' | 'wave.opened.v1' | 'wave.closed.v1'>;
