import type { Build } from '../messages/index.js';
import type { Logger } from '../observability/index.js';
import type { Clock } from '../runtime/clock.js';
import { Waits } from '../runtime/waits.js';

/** Milliseconds between two lines about one build that waits. */
const TELL_MS = 60_000;
/** Milliseconds for which a fault of one repository makes its host doubtful, and for which a build counts as waiting. */
const RECENT_MS = 60_000;

/** Builds that wait for their git host, as far as this process has met them. */
export class SourceWaits {
  readonly #clock: Clock;
  readonly #builds: Waits;
  readonly #toldAt = new Map<string, number>();
  /** When a repository of each host was away last. */
  readonly #awayAt = new Map<string, number>();
  readonly patienceMs: number;

  constructor(clock: Clock, patienceMs: number) {
    this.#clock = clock;
    this.#builds = new Waits(() => clock.monotonic());
    this.patienceMs = patienceMs;
  }

  /** The host of a build's repository is away. Gives the milliseconds for which the build has waited by now. */
  met({ id, source }: Build, reason: string, log: Logger): number {
    const now = this.#clock.monotonic();
    this.#awayAt.set(hostOf(source.repository), now);
    const waitedMs = this.#builds.met(id);
    for (const [known, at] of this.#toldAt) if (now - at > 2 * TELL_MS) this.#toldAt.delete(known);
    if (now - (this.#toldAt.get(id) ?? Number.NEGATIVE_INFINITY) >= TELL_MS) {
      this.#toldAt.set(id, now);
      const { patienceMs } = this;
      log.warn({ repository: source.repository, reason, waitedMs, patienceMs }, 'a git host is away; a build waits');
    }
    return waitedMs;
  }

  /** The host has answered, well or ill. */
  answered(build: Build, log: Logger): void {
    const { repository } = build.source;
    this.#awayAt.delete(hostOf(repository));
    const waitedMs = this.over(build);
    if (waitedMs !== null) log.info({ repository, waitedMs }, 'a git host is back');
  }

  /** A build waits no more. Gives the milliseconds for which it has; null when it did not. */
  over({ id }: Build): number | null {
    this.#toldAt.delete(id);
    return this.#builds.over(id);
  }

  /** Whether a repository of the same host was away a moment ago. */
  wasAway(url: string): boolean {
    return this.#isRecent(this.#awayAt.get(hostOf(url)));
  }

  /** Builds that wait, and the hosts that they wait for. */
  standing(): SourceStanding {
    for (const [host, at] of this.#awayAt) if (!this.#isRecent(at)) this.#awayAt.delete(host);
    return { builds: this.#builds.count(RECENT_MS), hosts: [...this.#awayAt.keys()] };
  }

  #isRecent(at: number | undefined): boolean {
    return at !== undefined && this.#clock.monotonic() - at <= RECENT_MS;
  }
}

export interface SourceStanding {
  readonly builds: number;
  readonly hosts: readonly string[];
}

/** Host and port; the whole address where it names none, as a folder. */
function hostOf(url: string): string {
  const host = URL.canParse(url) ? new URL(url).host : '';
  return host === '' ? url : host;
}
