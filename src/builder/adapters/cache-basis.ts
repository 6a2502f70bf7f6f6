import { Kept } from '../../runtime/kept.js';

/** Images that are remembered: those of the builds under way. */
const IMAGES = 256;
/** Caches that are remembered: one for each component and target of late. */
const CACHES = 4_096;
/**
 * Milliseconds after which a cache gets its newest image though nothing in it is new: who makes room takes a cache for as
 * old as the build of its image.
 */
const RENEW_MS = 600_000;

interface Cached {
  readonly basis: string;
  readonly since: number;
}

/**
 * Which caches would gain nothing from the image of a build. What a Dockerfile's own steps made is the image's *basis*; on
 * it stand our labels, which are no build's cache. Two images on one basis are the same cache.
 *
 * Known of this process's builds alone. Where another has put an image on another basis in the cache meanwhile, the cache
 * stays behind by one build: slower, never wrong.
 */
export class CacheBasis {
  readonly #now: () => number;
  readonly #images = new Kept<string>(IMAGES);
  readonly #caches = new Kept<Cached>(CACHES);

  /** `now`: milliseconds of a clock that only goes on. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** An image was made. `basis`: null where the engine does not say. */
  made(reference: string, basis: string | null): void {
    if (basis === null) this.#images.delete(reference);
    else this.#images.set(reference, basis);
  }

  /** True when the cache had its image from this process a moment ago, and that stands on the same basis. */
  isSame(reference: string, cacheName: string): boolean {
    const cached = this.#caches.get(cacheName);
    return (
      cached !== undefined && cached.basis === this.#images.get(reference) && this.#now() - cached.since < RENEW_MS
    );
  }

  /** The cache is another from now on; `reference`: null until it is known which. */
  put(cacheName: string, reference: string | null): void {
    const basis = reference === null ? undefined : this.#images.get(reference);
    if (basis === undefined) this.#caches.delete(cacheName);
    else this.#caches.set(cacheName, { basis, since: this.#now() });
  }
}
