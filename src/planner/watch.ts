import { ServiceError, toError } from '../kernel/service-error.js';
import type { Outside, Sighting } from '../rebuilds/index.js';
import { pause } from '../runtime/clock.js';
import { pollsNow, restMs, type Watched } from './decide/poll.js';
import type { WorkerParts } from './parts.js';
import { askFor, type Found, type PollPlace, pollPlace } from './poll-registry.js';

/** Who stands on what, and is told of what was seen. */
interface Stand {
  outside(): ReadonlyMap<string, Outside>;
  lastSeq(): number;
  see(name: string, sighting: Sighting | null): void;
}

type Parts = Pick<WorkerParts, 'registries' | 'settings' | 'clock' | 'log'>;

/** How long waves wait for what is seen in the first round; milliseconds. What is open may hang on it. */
const FIRST_MS = 10_000;
/** Requests of a minute that are remembered are those that count. */
const MINUTE_MS = 60_000;

interface Known extends Found {
  readonly seenAt: string;
}

/** Asks registries for the images that something stands on and no message announces; made anew with each claim. */
export class Watcher {
  readonly #parts: Parts;
  readonly #stand: Stand;
  readonly #onNews: () => void;
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, number>();
  readonly #spent = new Map<string, readonly number[]>();
  readonly #rests = new Map<string, number>();
  /** How often each registry could not be asked in a row. */
  readonly #failures = new Map<string, number>();
  /** What was told of a name, so that it is told once. */
  readonly #told = new Map<string, string>();
  #lookedAround: Promise<void> = Promise.resolve();

  /** `onNews`: something that is stood on has changed. */
  constructor(parts: Parts, stand: Stand, onNews: () => void) {
    this.#parts = parts;
    this.#stand = stand;
    this.#onNews = onNews;
  }

  /** Resolves when the first round is over, or has taken too long; at once where nothing is asked. */
  get lookedAround(): Promise<void> {
    return this.#lookedAround;
  }

  /** Asks until `stop` ends. Never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    const { registries, settings } = this.#parts;
    if (registries.length === 0 || settings.pollMs === null) return;
    const first = this.#round(settings.pollMs, stop);
    const late = new AbortController();
    this.#lookedAround = Promise.race([first.then(() => late.abort()), pause(FIRST_MS, late.signal)]);
    for (let waitMs = await first; !stop.aborted; waitMs = await this.#round(settings.pollMs, stop))
      await pause(Math.min(waitMs, settings.lookEveryMs), stop);
  }

  /** Asks for all that is due. Milliseconds until there may be more. */
  async #round(pollMs: number, stop: AbortSignal): Promise<number> {
    const { registries, settings, clock, log } = this.#parts;
    try {
      const outside = this.#stand.outside();
      const places = new Map<string, PollPlace>();
      for (const name of outside.keys()) {
        const place = pollPlace(name, registries);
        if (typeof place === 'string') this.#tell(name, place);
        else places.set(name, place);
      }
      this.#forget(outside);
      const watched = [...places].map(([name, { registry }]) => ({ name, registry: registry.name }));
      const polled = { asked: this.#asked, spent: this.#spent, rests: this.#rests };
      const pace = { pollMs, pollsPerMinute: settings.pollsPerMinute };
      const { ask, waitMs } = pollsNow(watched, polled, clock.monotonic(), pace);
      const ofEach = new Set(ask.map(({ registry }) => registry));
      await Promise.all(
        [...ofEach].map((each) => {
          const ofOne = ask.filter(({ registry }) => registry === each);
          return this.#askInTurn(ofOne, places, outside, pollMs, stop);
        }),
      );
      return ask.length > 0 ? 0 : (waitMs ?? settings.lookEveryMs);
    } catch (thrown) {
      log.warn({ err: toError(thrown) }, 'images that are not ours could not be looked after');
      return settings.lookEveryMs;
    }
  }

  /** Of one registry; when it is away, the others keep their turn. */
  async #askInTurn(
    ask: readonly Watched[],
    places: ReadonlyMap<string, PollPlace>,
    outside: ReadonlyMap<string, Outside>,
    pollMs: number,
    stop: AbortSignal,
  ): Promise<void> {
    for (const { name, registry } of ask) {
      const [place, stands] = [places.get(name), outside.get(name)];
      if (stop.aborted || (this.#rests.get(registry) ?? 0) > this.#parts.clock.monotonic()) return;
      if (place !== undefined && stands !== undefined) await this.#askOne(name, place, stands, pollMs);
    }
  }

  async #askOne(name: string, place: PollPlace, stands: Outside, pollMs: number): Promise<void> {
    const { clock, log } = this.#parts;
    const registry = place.registry.name;
    // Before the question: a build that ends while it is answered may have looked later.
    const seq = this.#stand.lastSeq();
    this.#asked.set(name, clock.monotonic());
    const known = this.#known.get(name) ?? null;
    try {
      const found = await askFor(place, stands, known, () => this.#spend(registry));
      if (this.#failures.delete(registry)) log.info({ registry }, 'a registry can be asked again');
      if (found === null) this.#tell(name, `the registry ${registry} has no such image`);
      else this.#told.delete(name);
      this.#see(name, found, seq, stands);
    } catch (thrown) {
      const error = toError(thrown);
      if (error instanceof ServiceError && error.code === 'registry_unavailable') this.#rest(registry, error, pollMs);
      else this.#tell(name, error.message);
    }
  }

  #see(name: string, found: Found | null, seq: number, { digests }: Outside): void {
    const before = this.#known.get(name);
    if (found === null) {
      this.#known.delete(name);
      this.#stand.see(name, null);
      return;
    }
    const isNews = before?.digest !== found.digest;
    const seenAt = isNews ? this.#parts.clock.now().toISOString() : (before?.seenAt ?? '');
    this.#known.set(name, { ...found, seenAt });
    const { digest, same } = found;
    this.#stand.see(name, { digest, same, seenAt, seq });
    if ([...digests].every((one) => one === digest || same.includes(one))) return;
    if (isNews) this.#parts.log.info({ image: name, digest }, 'an image that is not ours has changed');
    this.#onNews();
  }

  #spend(registry: string): void {
    const now = this.#parts.clock.monotonic();
    const times = (this.#spent.get(registry) ?? []).filter((time) => time > now - MINUTE_MS);
    this.#spent.set(registry, [...times, now]);
  }

  #rest(registry: string, error: ServiceError, pollMs: number): void {
    const { clock, log } = this.#parts;
    const times = (this.#failures.get(registry) ?? 0) + 1;
    this.#failures.set(registry, times);
    this.#rests.set(registry, clock.monotonic() + restMs(times, error.restMs, { pollMs }));
    if (times === 1)
      log.warn({ registry, reason: error.message }, 'a registry can’t be asked for images that are not ours');
  }

  /** Once, until it is another. */
  #tell(name: string, reason: string): void {
    if (this.#told.get(name) === reason) return;
    this.#told.set(name, reason);
    this.#parts.log.debug({ image: name, reason }, 'an image that is not ours is not watched');
  }

  /** What nothing stands on any more. */
  #forget(outside: ReadonlyMap<string, Outside>): void {
    for (const map of [this.#known, this.#asked, this.#told])
      for (const name of map.keys()) if (!outside.has(name)) map.delete(name);
  }
}
