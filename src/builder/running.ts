import type { Ledger } from '../ledger/index.js';
import { canceledByRequest } from './decide/lookout.js';
import { Interruption } from './job.js';

/** A build in hand, as seen by what may break it off. */
export interface Running {
  readonly signal: AbortSignal;
  interrupt(interruption: Interruption): void;
  /** From here on a shutdown lets the build finish: its image is in the registry. */
  committed(): void;
  /** From here on nothing breaks it off but the loss of its claim: its tags are moving. */
  tagging(): void;
  done(): void;
}

interface Hand {
  readonly abort: AbortController;
  committed: boolean;
  tagging: boolean;
}

/** The builds that this process works on. Follows the log: a cancel ends the build it names. */
export class RunningBuilds {
  readonly #builds = new Map<string, Hand>();
  readonly #unfollow: () => void;

  constructor(ledger: Ledger) {
    this.#unfollow = ledger.onChange((rows) => {
      for (const { id, cancel } of rows) {
        const hand = cancel === null ? undefined : this.#builds.get(id);
        if (cancel !== null && hand !== undefined)
          breakOff(hand, new Interruption('canceled', canceledByRequest(cancel).message));
      }
    });
  }

  get size(): number {
    return this.#builds.size;
  }

  add(id: string): Running {
    const build: Hand = { abort: new AbortController(), committed: false, tagging: false };
    this.#builds.set(id, build);
    return {
      signal: build.abort.signal,
      interrupt: (interruption) => breakOff(build, interruption),
      committed: () => {
        build.committed = true;
      },
      tagging: () => {
        build.tagging = true;
      },
      done: () => {
        this.#builds.delete(id);
      },
    };
  }

  /** Breaks off all that is not past the commit point. */
  shutDown(): void {
    this.#unfollow();
    for (const { abort, committed } of this.#builds.values()) {
      if (!committed) abort.abort(new Interruption('shutdown', 'the process is shutting down'));
    }
  }
}

function breakOff({ abort, tagging }: Hand, interruption: Interruption): void {
  if (!tagging || interruption.kind === 'claim_lost') abort.abort(interruption);
}
