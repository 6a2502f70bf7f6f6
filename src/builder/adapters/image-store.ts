import { BUILD_LABEL } from '../decide/labels.js';
import type { EngineSettings } from '../settings.js';
import { type DockerClient, type ListedImage, openClient } from './docker-client.js';
import { labelIsItsOwn, removeIfUnused } from './engine-cleanup.js';

/** An image in the engine, the nameless ones between two steps included. */
export interface EngineImage {
  readonly id: string;
  /** Id of the image that it was made on here; null where there is none or the engine does not say. */
  readonly parent: string | null;
  /** As `repository:tag`. */
  readonly names: readonly string[];
  /** As `repository@sha256:…`. */
  readonly digests: readonly string[];
  /** With all that it stands on. */
  readonly bytes: number;
  /** Build that its label names; of a nameless image only when its own last step set the label. */
  readonly build: string | null;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** The images of an engine, for who has to make room. Throws `engine_unavailable`. */
export interface ImageStore {
  readonly host: string;
  images(): Promise<readonly EngineImage[]>;
  /**
   * Takes a name, or a nameless image by its id, away; with the last name goes the image. False when something stands on
   * it or uses it still. An absent one is gone.
   */
  removeImage(reference: string): Promise<boolean>;
  close(): void;
}

/** What an engine with very many images may take to list them. */
const LIST_MS = 120_000;
/** How engines show that there is no name. */
const NONE = /^<none>[:@]<none>$/;

/** Opens no connection before it is asked something. */
export function openImageStore({ host }: Pick<EngineSettings, 'host'>): ImageStore {
  const client = openClient(host);
  return {
    host,
    images: () => listImages(client),
    removeImage: (reference) => removeIfUnused(client, reference),
    close: () => client.close(),
  };
}

async function listImages(client: DockerClient): Promise<readonly EngineImage[]> {
  const listed = await client.ask('other', (abortSignal) => client.docker.listImages({ all: true, abortSignal }), {
    timeoutMs: LIST_MS,
  });
  const parents = new Set(listed.map(({ ParentId }) => ParentId ?? ''));
  const images: EngineImage[] = [];
  for (const image of listed) images.push(await imageOf(client, image, parents.has(image.Id)));
  return images;
}

async function imageOf(client: DockerClient, image: ListedImage, isParent: boolean): Promise<EngineImage> {
  const names = (image.RepoTags ?? []).filter((name) => !NONE.test(name));
  const digests = (image.RepoDigests ?? []).filter((name) => !NONE.test(name));
  const labelled = image.Labels?.[BUILD_LABEL] ?? null;
  const isDangling = names.length === 0 && digests.length === 0 && !isParent;
  const build = labelled !== null && isDangling && !(await labelIsItsOwn(client, image.Id, labelled)) ? null : labelled;
  const parent = image.ParentId ?? '';
  return {
    id: image.Id,
    parent: parent === '' ? null : parent,
    names,
    digests,
    bytes: image.Size ?? 0,
    build,
    createdAt: (image.Created ?? 0) * 1_000,
  };
}
