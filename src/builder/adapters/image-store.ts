import type { Stream } from '../../ledger/index.js';
import { BUILD_LABEL } from '../decide/labels.js';
import { markedStream } from '../decide/step-mark.js';
import type { EngineSettings } from '../settings.js';
import { imagesOnlyOf, removeDeadContainers } from './dead-containers.js';
import { type DockerClient, openClient } from './docker-client.js';
import { labelIsItsOwn, removeContainer, removeIfUnused } from './engine-cleanup.js';
import { askEngine } from './engine-inquiry.js';
import type { EngineWays } from './engine-ways.js';
import { type Listed, listImages } from './image-list.js';
import { type StepContainer, stepContainers } from './step-containers.js';

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
  /** Component and target of the build that made it on its way to an end; null for all that is not between two steps. */
  readonly stepOf: Stream | null;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** The images of an engine, for who has to make room. Throws `engine_unavailable`. */
export interface ImageStore {
  readonly host: string;
  images(): Promise<readonly EngineImage[]>;
  /**
   * Takes a name, or a nameless image by its id, away; with the last name goes the image. False when something stands on
   * it or uses it still: what is left of builds that were killed with the engine does not. An absent one is gone.
   */
  removeImage(reference: string, image: Pick<EngineImage, 'id' | 'build'>): Promise<boolean>;
  /** Ended containers of builds' steps: what was killed together with the engine. */
  containers(): Promise<readonly StepContainer[]>;
  /** False when the engine does not give it away. An absent one is gone. */
  removeContainer(id: string): Promise<boolean>;
  close(): void;
}

/** Opens no connection before it is asked something. */
export function openImageStore({ host }: Pick<EngineSettings, 'host'>): ImageStore {
  const client = openClient(host);
  // Asked with each list; what is taken away was on the last one.
  let ways: EngineWays | null = null;
  const hosts = new Map<string, readonly string[]>();
  return {
    host,
    images: async () => {
      ways = (await askEngine(client)).ways;
      return imagesOf(client, ways);
    },
    removeImage: async (reference, image) => {
      ways ??= (await askEngine(client)).ways;
      return removeImage(client, ways, reference, image);
    },
    containers: async () => {
      ways ??= (await askEngine(client)).ways;
      return ways.leavesStepContainers ? stepContainers(client, hosts) : [];
    },
    removeContainer: (id) => removeContainer(client, id),
    close: () => client.close(),
  };
}

async function imagesOf(client: DockerClient, ways: EngineWays): Promise<readonly EngineImage[]> {
  const listed = await listImages(client, { all: true });
  const parents = new Set(listed.map(({ parent }) => parent));
  const images: EngineImage[] = [];
  for (const each of listed) images.push(await imageOf(client, ways, each, parents.has(each.id)));
  return images;
}

async function imageOf(
  client: DockerClient,
  ways: EngineWays,
  { id, names, digests, parent, image }: Listed,
  isParent: boolean,
): Promise<EngineImage> {
  const label = image.Labels?.[BUILD_LABEL] ?? null;
  const stepOf = label === null ? null : markedStream(label);
  const labelled = stepOf === null ? label : null;
  const isDangling = names.length === 0 && digests.length === 0 && !isParent;
  const isOwn = labelled === null || !isDangling || (await labelIsItsOwn(client, ways, id, labelled));
  return {
    id,
    parent,
    names,
    digests,
    bytes: image.Size ?? 0,
    build: isOwn ? labelled : null,
    stepOf,
    createdAt: (image.Created ?? 0) * 1_000,
  };
}

async function removeImage(
  client: DockerClient,
  ways: EngineWays,
  reference: string,
  { id, build }: Pick<EngineImage, 'id' | 'build'>,
): Promise<boolean> {
  if (await removeIfUnused(client, reference)) return true;
  if (!ways.leavesDeadContainers) return false;
  // What it stands on goes with it.
  const images = new Set([id, ...(build === null ? [] : await imagesOnlyOf(client, build))]);
  return (await removeDeadContainers(client, images)) > 0 && removeIfUnused(client, reference);
}
