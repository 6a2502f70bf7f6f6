import type { Clock } from '../runtime/clock.js';
import type { Area } from './area.js';
import { type ImageGoing, imagesThatGo, LEFTOVER_GRACE_MS } from './decide/images.js';
import type { HouseFacts } from './house-facts.js';
import type { ImageStore } from './ports.js';

export interface ImageAreaParts {
  readonly store: ImageStore;
  readonly facts: HouseFacts;
  readonly keepBytes: number;
  readonly graceMs: number;
  readonly clock: Clock;
}

/** The images and the cache of one engine. */
export function imageArea({ store, facts, keepBytes, graceMs, clock }: ImageAreaParts): Area {
  return {
    kind: 'images',
    name: `engine ${store.host}`,
    async propose() {
      const images = await store.images();
      const now = clock.now().getTime();
      const plan = imagesThatGo(images, {
        build: facts.imageBuild,
        parents: facts.parents,
        keepBytes,
        graceMs,
        leftoverGraceMs: Math.min(LEFTOVER_GRACE_MS, graceMs),
        now,
      });
      const proposals = plan.going.map((going) => ({
        item: {
          area: 'images' as const,
          place: store.host,
          what: going.what,
          name: nameOf(going),
          bytes: going.bytes,
          usedAt: new Date(going.usedAt).toISOString(),
          reason: going.reason,
        },
        carryOut: async () => ((await removeAll(store, going)) ? ('gone' as const) : ('in_use' as const)),
      }));
      return { proposals, notes: [] };
    },
  };
}

function nameOf({ image }: ImageGoing): string {
  return image.names[0] ?? image.digests[0] ?? image.id;
}

/** Name by name, never by force: with the last one the image goes, unless something stands on it. */
async function removeAll(store: ImageStore, { image }: ImageGoing): Promise<boolean> {
  const references = [...image.names, ...image.digests];
  for (const reference of references.length === 0 ? [image.id] : references) {
    if (!(await store.removeImage(reference, image))) return false;
  }
  return true;
}
