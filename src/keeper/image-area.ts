import type { Clock } from '../runtime/clock.js';
import type { Area } from './area.js';
import { containersThatGo } from './decide/containers.js';
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

/** The images and the cache of one engine, and what builds left there of containers. */
export function imageArea({ store, facts, keepBytes, graceMs, clock }: ImageAreaParts): Area {
  return {
    kind: 'images',
    name: `engine ${store.host}`,
    async propose() {
      const images = await store.images();
      const containers = await store.containers();
      const now = clock.now().getTime();
      const leftoverGraceMs = Math.min(LEFTOVER_GRACE_MS, graceMs);
      const left = containersThatGo(containers, { build: facts.imageBuild, leftoverGraceMs, now });
      const plan = imagesThatGo(images, {
        build: facts.imageBuild,
        stream: facts.stream,
        parents: facts.parents,
        keepBytes,
        graceMs,
        leftoverGraceMs,
        now,
      });
      const place = store.host;
      // First of all: an image that a container stands on stays.
      const ofContainers = left.map(({ container, usedAt }) => ({
        item: {
          area: 'images' as const,
          place,
          what: 'leftover' as const,
          name: `container ${container.id.slice(0, 12)}`,
          bytes: null,
          usedAt: new Date(usedAt).toISOString(),
          reason: 'left_behind' as const,
        },
        carryOut: async () => ((await store.removeContainer(container.id)) ? ('gone' as const) : ('in_use' as const)),
      }));
      const ofImages = plan.going.map((going) => ({
        item: {
          area: 'images' as const,
          place,
          what: going.what,
          name: nameOf(going),
          bytes: going.bytes,
          usedAt: new Date(going.usedAt).toISOString(),
          reason: going.reason,
        },
        carryOut: async () => ((await removeAll(store, going)) ? ('gone' as const) : ('in_use' as const)),
      }));
      return { proposals: [...ofContainers, ...ofImages], notes: [] };
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
