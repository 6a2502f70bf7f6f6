import type { Claim } from '../bus/index.js';
import type { Failure } from '../kernel/failure.js';
import type { Result } from '../kernel/result.js';
import type { Build } from '../messages/index.js';
import type { Logger } from '../observability/index.js';
import type { Registry } from '../registry/index.js';
import type { BuildLog, LogDestination } from './ports.js';
import type { BuilderTarget } from './settings.js';
import type { Stopwatch } from './stopwatch.js';

/** A build and where its image goes. */
export interface Place {
  /** As asked for; name, version and release are null until the build is named. */
  readonly build: Build;
  readonly target: BuilderTarget;
  /** Repository in the candidate registry. */
  readonly repository: string;
  readonly registry: Registry;
  /** The registry's `host:port` as the engine reaches it. */
  readonly engineHost: string;
}

/** One attempt at one build, in hand. */
export interface Job extends Place {
  readonly cascade: boolean;
  readonly traceparent: string | null;
  /** ISO time of the first request: stamps the release of what a person or a wave asked for. */
  readonly requestedAt: string | null;
  /** Place of the first request on the log. */
  readonly requestedSeq: number;
  readonly claim: Claim;
  /** Ends with an `Interruption` as its reason. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly output: BuildLog;
  /** Ends the log and pushes it, once; gives its digest, null where it stays a file. Never rejects. */
  readonly finishLog: (subject: LogDestination['subject']) => Promise<string | null>;
  readonly watch: Stopwatch;
  /** Told right before the first tag moves: from here on nobody calls the build off. */
  readonly onTagging: () => void;
}

/** Why a build in hand was broken off. */
export class Interruption extends Error {
  readonly kind: 'canceled' | 'claim_lost' | 'shutdown' | 'timeout';

  constructor(kind: Interruption['kind'], message: string) {
    super(message);
    this.name = 'Interruption';
    this.kind = kind;
  }
}

/** A refusal of `decide/`, on its way up through the steps. */
export class BuildFailed extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'BuildFailed';
    this.failure = failure;
  }
}

/** The value of a decision; its refusal is thrown as `BuildFailed`. */
export function unwrap<T>(result: Result<T, Failure>): T {
  if (!result.ok) throw new BuildFailed(result.error);
  return result.value;
}

/** The build is not begun: parents that are components of its target must come first. */
export class BuildWaits extends Error {
  readonly waitingFor: readonly string[];

  constructor(message: string, waitingFor: readonly string[]) {
    super(message);
    this.name = 'BuildWaits';
    this.waitingFor = waitingFor;
  }
}
