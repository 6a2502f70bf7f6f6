import type { LogPosition } from '../bus/index.js';
import type { BuildKind } from '../kernel/ids.js';
import type {
  Cause,
  Failure,
  Image,
  Parent,
  Process,
  Source,
  Timings,
  WaveClosedV1,
  WaveOpenedV1,
} from '../messages/index.js';

/** States of a build. `canceled` is an end only when the cancel was asked for; superseded builds may run again. */
export type BuildState = 'requested' | 'skipped' | 'started' | 'completed' | 'failed' | 'canceled';

/** All that the log says of one build. The same set of messages gives the same row in any order. */
export interface BuildRow {
  readonly id: string;
  readonly component: string;
  readonly target: string;
  readonly kind: BuildKind;
  readonly state: BuildState;
  /** True when the build is over for good: its id never runs again. */
  readonly ended: boolean;
  readonly attempt: number;
  readonly name: string | null;
  readonly version: string | null;
  readonly release: string | null;
  readonly nvr: string | null;
  readonly source: Source;
  readonly cause: Cause;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Place of its first request on the log: of two builds of one commit, the later one is newer. */
  readonly requestedSeq: number;
  /** True when the newest request came by the cascade lane. */
  readonly cascade: boolean;
  /** ISO times of storing, by the state they brought; null until then. */
  readonly requestedAt: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Who started the newest attempt that was started. */
  readonly process: Process | null;
  /** The attempt of that start; 0 when none was started. */
  readonly startedAttempt: number;
  readonly cancel: { readonly agent: string | null; readonly reason: string | null } | null;
  readonly image: Image | null;
  readonly parents: readonly Parent[];
  readonly failure: Failure | null;
  readonly skipped: { readonly code: string; readonly message: string; readonly waitingFor: readonly string[] } | null;
  readonly successor: string | null;
  readonly timings: Timings | null;
  /** Digest of the log artifact. */
  readonly log: string | null;
  /** The messages that made the row, newest last. */
  readonly messages: readonly RowMessage[];
}

export interface RowMessage {
  readonly topic: string;
  readonly id: string;
  /** Place on the log, counted from its start. */
  readonly seq: number;
  readonly storedAt: string;
}

/** All that the log says of one wave of rebuilds. */
export interface WaveRow {
  readonly id: string;
  /** Id of the message that told of the change which opened it. */
  readonly message: string;
  /** The first rebuild that was wanted then. */
  readonly rebuild: string;
  /** Id of the message that opened it, its place on the log and its ISO time. */
  readonly openedBy: string;
  readonly openedSeq: number;
  readonly openedAt: string;
  readonly changes: WaveOpenedV1['changes'];
  /** Images that no build of ours makes and that have changed. */
  readonly outside: NonNullable<WaveOpenedV1['outside']>;
  /** Members whose image is older than their target's schedule allows. */
  readonly due: readonly string[];
  /** As `f41/httpd`; parents come before what stands on them. */
  readonly members: readonly string[];
  readonly cycles: WaveOpenedV1['cycles'];
  /** ISO time; null while it is open. */
  readonly closedAt: string | null;
  /** Of each member; empty while it is open. */
  readonly results: WaveClosedV1['results'];
}

/** A component in a target: the builds that follow on each other. */
export interface Stream {
  readonly component: string;
  readonly target: string;
}

/** Which builds; every member given must hold. Newest request first. */
export interface BuildFilter {
  readonly component?: string;
  readonly target?: string;
  readonly kind?: BuildKind;
  readonly states?: readonly BuildState[];
  readonly ended?: boolean;
  readonly commit?: string;
  /** Id of the wave that asked. */
  readonly wave?: string;
  /** A component that a skipped build waits for. */
  readonly waitingFor?: string;
  /** ISO times of the end's storing, the first inclusive, the second exclusive; what has not ended, or is no time, fits neither. */
  readonly endedSince?: string;
  readonly endedUntil?: string;
  /** At most this many. Default 50. */
  readonly limit?: number;
}

/** What a message of ours was about; both null for one that is none of ours, or was skipped. */
export interface Traced {
  readonly build: BuildRow | null;
  readonly wave: WaveRow | null;
}

/** What names a message as what caused it. */
export interface Caused {
  /** Newest request first. */
  readonly builds: readonly BuildRow[];
  /** Waves that it opened, the last opened first. */
  readonly waves: readonly WaveRow[];
}

/** A message of ours that the fold noted and left out, as every process does. */
export interface SkippedMessage {
  readonly id: string;
  readonly topic: string;
  /** Place on the log, counted from its start. */
  readonly seq: number;
  readonly storedAt: string;
  /** Why, in one sentence. */
  readonly reason: string;
}

/** A read model of the log `ours`; deleting its store loses nothing. Queries answer from what is folded so far. */
export interface Ledger {
  /** Resolves when all that was stored before the call is folded. */
  caughtUp(): Promise<void>;
  build(id: string): BuildRow | null;
  builds(filter: BuildFilter): readonly BuildRow[];
  /** By NVR, by id, or by a beginning of an id of at least 6 characters; all that fit. */
  find(text: string): readonly BuildRow[];
  /** The build whose NVR, completed or claimed by a start, this is; null when the NVR is free. */
  ownerOfNvr(nvr: string): BuildRow | null;
  /** The completed build that stands under an image digest; null when the digest is none of ours. */
  byDigest(digest: string): BuildRow | null;
  /** What a message told of: any of those that made a row. */
  byMessage(id: string): Traced;
  /** Why a message of ours was left out; null when it was not, or is none of the last 1,000 that were. */
  skippedMessage(id: string): SkippedMessage | null;
  /** The builds and waves that give this message as their cause; at most `limit` (default 50) of each. */
  causedBy(message: string, limit?: number): Caused;
  /** Builds that ended, well or not, on a parent with this digest; newest request first, at most `limit` (default 50). */
  dependentsOfDigest(digest: string, limit?: number): readonly BuildRow[];
  /**
   * The build that was the last on the log to give its image this name (`registry/path:tag`, as `image.references` has
   * it); `before`: that was stored before this ISO time.
   */
  holderOfName(reference: string, options?: { readonly before?: string }): BuildRow | null;
  /** Every component and target of which a build is known, sorted. */
  streams(): readonly Stream[];
  wave(id: string): WaveRow | null;
  /** The last opened first, at most `limit` (default 50). `open`: only those that are, or are not. */
  waves(filter: { readonly open?: boolean; readonly limit?: number }): readonly WaveRow[];
  /** Called after each fold with the rows that changed. The returned function ends it. */
  onChange(listener: (rows: readonly BuildRow[]) => void): () => void;
  stats(): LedgerStats;
  close(): Promise<void>;
}

export interface LedgerStats {
  /** Messages folded by this process since it opened. */
  readonly folded: number;
  /** Messages of ours that were noted and skipped, since the ledger was made. */
  readonly skipped: number;
  readonly builds: number;
  readonly position: LogPosition | null;
  /** True when the stored ledger could not be used and was made anew. */
  readonly rebuilt: boolean;
}
