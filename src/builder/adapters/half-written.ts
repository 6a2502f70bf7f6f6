import { removeDeadContainers } from './dead-containers.js';
import type { DockerClient } from './docker-client.js';
import { unlessRefused } from './engine-errors.js';
import { type Listed, listImages } from './image-list.js';

/**
 * Podman's words of an image without a manifest: it was killed while it wrote the image. As long as there is one, Podman
 * lists no image at all, and does not start over by itself.
 */
const HALF_WRITTEN = /image with ID "([0-9a-f]{64})" \(consider removing the image/;

/**
 * As `listImages`, for a clean-up: takes away what Podman asks to be rid of, after it has asked for as long as a list is
 * tried (one that is just being written is whole by then). Whose it was can't be told, nor can anybody use it.
 */
export async function listAndMend(
  client: DockerClient,
  what: Parameters<typeof listImages>[1],
): Promise<readonly Listed[]> {
  const removed = new Set<string>();
  for (;;) {
    try {
      return await listImages(client, what);
    } catch (thrown) {
      const [, id] = HALF_WRITTEN.exec(String(thrown)) ?? [];
      if (id === undefined || removed.has(id)) throw thrown;
      removed.add(id);
      await removeHalfWritten(client, id);
    }
  }
}

/** A step that was killed with Podman may have left its working container on the image. */
async function removeHalfWritten(client: DockerClient, id: string): Promise<void> {
  if (await remove(client, id)) return;
  if ((await removeDeadContainers(client, new Set([`sha256:${id}`]))) > 0) await remove(client, id);
}

/** False when Podman says anything against it. Never by force. */
function remove(client: DockerClient, id: string): Promise<boolean> {
  return unlessRefused(false, async () => {
    await client.ask('other', (abortSignal) => client.docker.getImage(id).remove({ abortSignal }));
    return true;
  });
}
