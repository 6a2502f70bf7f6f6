import { ServiceError, toError } from '../kernel/service-error.js';
import type { Outside, Sighting } from '../rebuilds/index.js';
import { type Clock, pause } from '../runtime/clock.js';
import { pollsNow, type Watched } from './decide/poll.js';
import { askFor, type PolledRegistry, type PollPlace, pollPlace } from './poll-registry.js';

/** What was seen of images that are not ours, by name. */
export interface SeenNow {
  readonly sightings: ReadonlyMap<string, Sighting>;
  /** Why others are not watched, and which were asked for in vain, in a sentence each. */
  readonly unwatched: ReadonlyMap<string, string>;
  readonly faults: ReadonlyMap<string, string>;
}

export interface SeeNowOptions {
  readonly pollsPerMinute: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** After each question; `waitMs`: until the next may be asked. */
  readonly onProgress: (done: number, of: number, waitMs: number) => void;
}

/** Asks for each name once, at the pace that registries are given; of a registry that is away no more. Never throws. */
export async function seeNow(
  outside: ReadonlyMap<string, Outside>,
  registries: readonly PolledRegistry[],
  { pollsPerMinute, clock, signal, onProgress }: SeeNowOptions,
): Promise<SeenNow> {
  const sightings = new Map<string, Sighting>();
  const [unwatched, faults] = [new Map<string, string>(), new Map<string, string>()];
  const places = new Map<string, PollPlace>();
  for (const name of outside.keys()) {
    const place = pollPlace(name, registries);
    if (typeof place === 'string') unwatched.set(name, place);
    else places.set(name, place);
  }
  const polled = {
    asked: new Map<string, number>(),
    spent: new Map<string, number[]>(),
    rests: new Map<string, number>(),
  };
  const ask = async ({ name, registry }: Watched): Promise<void> => {
    const [place, stands] = [places.get(name), outside.get(name)];
    if (place === undefined || stands === undefined) return;
    const spend = (): void => {
      polled.spent.set(registry, [...(polled.spent.get(registry) ?? []), clock.monotonic()]);
    };
    try {
      const found = await askFor(place, stands, null, spend);
      if (found === null) faults.set(name, `the registry ${registry} has no such image`);
      else {
        const { digest, same } = found;
        // All that the ledger knows was there before the question.
        sightings.set(name, { digest, same, seenAt: clock.now().toISOString(), seq: Number.MAX_SAFE_INTEGER });
      }
    } catch (thrown) {
      const error = toError(thrown);
      const isAway = error instanceof ServiceError && error.code === 'registry_unavailable';
      const others = isAway ? [...places].filter(([, one]) => one.registry.name === registry) : [];
      for (const left of [name, ...others.map(([other]) => other)])
        if (!sightings.has(left) && !faults.has(left)) faults.set(left, error.message);
    }
  };
  for (;;) {
    const left = [...places].filter(([name]) => !sightings.has(name) && !faults.has(name));
    if (left.length === 0 || signal.aborted) break;
    const watched = left.map(([name, { registry }]) => ({ name, registry: registry.name }));
    const { ask: due, waitMs } = pollsNow(watched, polled, clock.monotonic(), { pollMs: 0, pollsPerMinute });
    const [next] = due;
    const done = places.size - left.length;
    onProgress(done, places.size, next === undefined ? (waitMs ?? 0) : 0);
    if (next === undefined) await pause(waitMs ?? 0, signal);
    else await ask(next);
  }
  return { sightings, unwatched, faults };
}
