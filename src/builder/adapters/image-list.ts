import { type RetryPolicy, retry } from '../../runtime/retry.js';
import type { DockerClient, ListedImage } from './docker-client.js';

/** What an engine with very many images may take to list them. */
const LIST_MS = 120_000;
/**
 * Podman refuses a list when one of its images goes while it is made, and says so as it says that it is ill. An image
 * goes at every other moment where builds end.
 */
const AGAIN: RetryPolicy = { retries: 5, minDelayMs: 50, maxDelayMs: 1_000 };
/** How engines show that there is no name. */
const NONE = /^<none>[:@]<none>$/;
/** What Podman calls an image while it writes it: nobody's name. It stays where Podman was killed just then. */
const BEING_WRITTEN = /(?:^|\/)[0-9a-f]{64}-tmp[:@]/;

export interface Listed {
  /** As `sha256:…`. */
  readonly id: string;
  /** As `repository:tag`. */
  readonly names: readonly string[];
  /** As `repository@sha256:…`. */
  readonly digests: readonly string[];
  /** Id of the image that it was made on here; null where there is none or the engine does not say. */
  readonly parent: string | null;
  readonly image: ListedImage;
}

/** Images of the engine. Throws `engine_unavailable`. */
export async function listImages(
  client: DockerClient,
  what: { readonly all?: boolean; readonly filters?: Readonly<Record<string, readonly string[]>> },
): Promise<readonly Listed[]> {
  const ask = () =>
    client.ask('other', (abortSignal) => client.docker.listImages({ ...what, abortSignal }), { timeoutMs: LIST_MS });
  return (await retry(AGAIN, ask)).map((image) => ({
    id: image.Id,
    // Podman puts what an image was pulled by among the names, where that was a digest.
    names: (image.RepoTags ?? []).filter((name) => isName(name) && !name.includes('@')),
    digests: (image.RepoDigests ?? []).filter(isName),
    parent: parentOf(image),
    image,
  }));
}

function isName(name: string): boolean {
  return !NONE.test(name) && !BEING_WRITTEN.test(name);
}

/** Podman says a parent's id without the algorithm that it puts before an image's own. */
function parentOf({ Id: id, ParentId: parent }: ListedImage): string | null {
  if (parent === undefined || parent === null || parent === '') return null;
  return parent.includes(':') ? parent : `${id.slice(0, id.indexOf(':') + 1)}${parent}`;
}
