import { isJsonObject, type JsonObject } from '../../kernel/json.js';
import { BUILD_LABEL } from '../decide/labels.js';
import { askPodman, type DockerClient, PODMAN_API } from './docker-client.js';
import { unlessRefused } from './engine-errors.js';
import { listImages } from './image-list.js';

/** Milliseconds after which a working container that nothing is mounted for is nobody's: a build mounts its own at once. */
const YOUNG_MS = 5_000;

/**
 * Takes away the working containers on some images that builds have left in a Podman that was killed under them, and gives
 * their number. Podman makes one on the image before each step, and shows them only in its own API; the image that one
 * stands on can't go. Never by force: Podman refuses those of a build that runs, which may have the images as its cache.
 */
export async function removeDeadContainers(client: DockerClient, images: ReadonlySet<string>): Promise<number> {
  if (images.size === 0) return 0;
  const request = {
    path: `${PODMAN_API}/containers/json?`,
    method: 'GET' as const,
    options: { all: 'true', external: 'true' },
    statusCodes: { 200: true } as const,
  };
  const listed = await askPodman(client, request);
  let removed = 0;
  for (const container of Array.isArray(listed) ? listed : []) {
    if (!isJsonObject(container) || !isDead(container, images)) continue;
    if (await removeUnmounted(client, String(container['Id']))) removed += 1;
  }
  return removed;
}

/** Images of a build that have no other name than its attempts'. */
export async function imagesOnlyOf(client: DockerClient, build: string): Promise<ReadonlySet<string>> {
  const listed = await listImages(client, { all: true, filters: { label: [`${BUILD_LABEL}=${build}`] } });
  const own = listed.filter(({ names, digests }) =>
    names.length === 0 ? digests.length === 0 : names.every((name) => name.includes(`:build-${build}.`)),
  );
  return new Set(own.map(({ id }) => id));
}

function isDead({ State: state, ImageID: image, Created: created }: JsonObject, images: ReadonlySet<string>): boolean {
  // A container that somebody runs has another state, whatever it does.
  if (state !== 'storage' || typeof image !== 'string' || !images.has(`sha256:${image}`)) return false;
  return Date.now() - Date.parse(String(created)) >= YOUNG_MS;
}

/** False when Podman says anything against it. */
function removeUnmounted(client: DockerClient, id: string): Promise<boolean> {
  return unlessRefused(false, async () => {
    await client.ask('other', (abortSignal) => client.docker.getContainer(id).remove({ v: true, abortSignal }));
    return true;
  });
}
