/**
 * Which images of an engine go (design, section 6: "parents and cache stay under `keep_bytes`"). Only what builds of our
 * log have brought there is ever touched: an engine may be a person's as well.
 */
import type { Stream } from '../../ledger/index.js';

/** An image as the engine lists it, the nameless ones between two steps included. */
export interface StoredImage {
  readonly id: string;
  /** Id of the image that it was made on in this engine; null where there is none or the engine does not say. */
  readonly parent: string | null;
  /** As `repository:tag`. */
  readonly names: readonly string[];
  /** As `repository@sha256:…`. */
  readonly digests: readonly string[];
  /** With all that it stands on. */
  readonly bytes: number;
  /** Id of the build that its label names, inherited or its own. */
  readonly build: string | null;
  /** Component and target of the build that made it between two steps; null for any other image. */
  readonly stepOf: Stream | null;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** What the log says of a build, as far as its images go. */
export interface ImageBuild {
  readonly ended: boolean;
  /** Milliseconds since 1970; null while it has not ended. */
  readonly endedAt: number | null;
  /** True while a build of its component and target is asked for or runs: its cache is in use. */
  readonly busy: boolean;
}

/** What the log says of an image that builds stood on. */
export interface ImageParent {
  /** Milliseconds since 1970 of the end of the last build on it. */
  readonly usedAt: number;
  /** True while a build is asked for or runs whose predecessor stood on it. */
  readonly busy: boolean;
}

export interface ImageFacts {
  readonly build: (id: string) => ImageBuild | null;
  /** Null for what this log has no build of. */
  readonly stream: (stream: Stream) => Pick<ImageBuild, 'busy'> | null;
  /** By manifest digest. */
  readonly parents: ReadonlyMap<string, ImageParent>;
  readonly keepBytes: number;
  /** Milliseconds after its last use in which cache or a parent is not touched. */
  readonly graceMs: number;
  /** Milliseconds after its build's end in which what a build left is not touched. */
  readonly leftoverGraceMs: number;
  readonly now: number;
}

export type ImageReason = 'left_behind' | 'over_keep_bytes';

export interface ImageGoing {
  readonly image: StoredImage;
  readonly what: 'cache' | 'parent' | 'leftover';
  /** What the engine has to spare without it, the nameless images that go with it included. */
  readonly bytes: number;
  readonly usedAt: number;
  readonly reason: ImageReason;
}

export interface ImagesPlan {
  /** Bytes that are ours, before anything goes. */
  readonly bytes: number;
  /** In the order in which they go: children before what they stand on. */
  readonly going: readonly ImageGoing[];
}

/** Nobody needs what an ended build left; its own builder, if it lives, is cleaning up just then. */
export const LEFTOVER_GRACE_MS = 60_000;

/** Podman puts a host before a name that has none; which one is a matter of its settings. */
const CACHE = /^(?:localhost\/|docker\.io\/)?layerwright-cache\//;
const ATTEMPT = /:build-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.\d+$/;

type Role =
  | { readonly kind: 'cache' | 'parent'; readonly usedAt: number; readonly free: boolean }
  | { readonly kind: 'leftover'; readonly usedAt: number; readonly free: boolean }
  /** Nameless, between two steps: goes with the last that stands on it. */
  | { readonly kind: 'between' }
  | { readonly kind: 'foreign' };

/** What an ended build has left goes first; then, until the rest fits, what was used longest ago and nothing stands on. */
export function imagesThatGo(images: readonly StoredImage[], facts: ImageFacts): ImagesPlan {
  const tree = new Tree(images);
  const roles = new Map(images.map((image) => [image.id, roleOf(image, tree, facts)]));
  const foreign = new Set<string>();
  for (const image of images) {
    if (roles.get(image.id)?.kind === 'foreign') for (const { id } of tree.lineage(image)) foreign.add(id);
  }
  const ours = images.filter(({ id }) => !foreign.has(id));
  const bytes = ours.reduce((sum, image) => sum + tree.ownBytes(image), 0);
  const going: ImageGoing[] = [];
  let left = bytes;
  for (;;) {
    const next = nextOf(ours, roles, tree, left > facts.keepBytes);
    if (next === null) return { bytes, going };
    let freed = 0;
    for (const { id } of tree.cut(next.image, (id) => roles.get(id)?.kind === 'between' && !foreign.has(id)))
      freed += tree.ownBytesOf(id);
    going.push({ ...next, bytes: freed });
    left -= freed;
  }
}

function nextOf(
  ours: readonly StoredImage[],
  roles: ReadonlyMap<string, Role>,
  tree: Tree,
  over: boolean,
): Omit<ImageGoing, 'bytes'> | null {
  let best: Omit<ImageGoing, 'bytes'> | null = null;
  for (const image of ours) {
    const role = roles.get(image.id);
    if (role === undefined || role.kind === 'between' || role.kind === 'foreign') continue;
    if (!role.free || !tree.isLeaf(image.id)) continue;
    const reason = role.kind === 'leftover' ? 'left_behind' : 'over_keep_bytes';
    if (reason === 'over_keep_bytes' && !over) continue;
    const found = { image, what: role.kind, usedAt: role.usedAt, reason } as const;
    if (best === null || goesBefore(found, best)) best = found;
  }
  return best;
}

type Found = Omit<ImageGoing, 'bytes'>;

function goesBefore(a: Found, b: Found): boolean {
  if (a.reason !== b.reason) return a.reason === 'left_behind';
  return a.usedAt === b.usedAt ? a.image.id < b.image.id : a.usedAt < b.usedAt;
}

/** What an image is to us. Any name or digest that is not ours makes it another's. */
function roleOf(image: StoredImage, tree: Tree, facts: ImageFacts): Role {
  const { names, digests } = image;
  if (names.length > 0) {
    if (names.every((name) => CACHE.test(name))) return cacheRole(image, facts);
    const builds = names.map((name) => ATTEMPT.exec(name)?.[1]);
    return builds.every((build) => build !== undefined) ? leftoverRole(image, builds, facts) : { kind: 'foreign' };
  }
  if (digests.length > 0) return parentRole(image, facts);
  if (!tree.isLeaf(image.id)) return { kind: 'between' };
  if (image.stepOf !== null) return stepRole(image, image.stepOf, facts);
  return image.build === null ? { kind: 'foreign' } : leftoverRole(image, [image.build], facts);
}

function cacheRole(image: StoredImage, facts: ImageFacts): Role {
  const build = image.build === null ? null : facts.build(image.build);
  const asParent = image.digests
    .map((digest) => facts.parents.get(digestIn(digest)))
    .filter((one) => one !== undefined);
  const usedAt = Math.max(build?.endedAt ?? image.createdAt, ...asParent.map((one) => one.usedAt));
  const busy = build?.busy === true || asParent.some((one) => one.busy);
  return { kind: 'cache', usedAt, free: !busy && facts.now - usedAt >= facts.graceMs };
}

function parentRole({ digests }: StoredImage, facts: ImageFacts): Role {
  const known = digests.map((digest) => facts.parents.get(digestIn(digest))).filter((one) => one !== undefined);
  if (known.length < digests.length) return { kind: 'foreign' };
  const usedAt = Math.max(...known.map((one) => one.usedAt));
  return {
    kind: 'parent',
    usedAt,
    free: !known.some(({ busy }) => busy) && facts.now - usedAt >= facts.graceMs,
  };
}

/** Free when each build that it may belong to has ended on the log, and its own clean-up has had its time. */
function leftoverRole(image: StoredImage, builds: readonly string[], facts: ImageFacts): Role {
  const known = builds.map((id) => facts.build(id));
  // Of a log that is not ours.
  if (known.includes(null)) return { kind: 'foreign' };
  const ends = known.map((build) => (build?.ended === true ? build.endedAt : null));
  const usedAt = Math.max(image.createdAt, ...ends.map((end) => end ?? 0));
  return { kind: 'leftover', usedAt, free: !ends.includes(null) && facts.now - usedAt >= facts.leftoverGraceMs };
}

/** Of a build that came to no end, at least in this engine: the cache of the next attempt, as long as there may be one. */
function stepRole({ createdAt }: StoredImage, of: Stream, { stream, leftoverGraceMs, now }: ImageFacts): Role {
  const known = stream(of);
  if (known === null) return { kind: 'foreign' };
  return { kind: 'leftover', usedAt: createdAt, free: !known.busy && now - createdAt >= leftoverGraceMs };
}

function digestIn(reference: string): string {
  return reference.slice(reference.lastIndexOf('@') + 1);
}

/** What stands on what. */
class Tree {
  readonly #images: ReadonlyMap<string, StoredImage>;
  readonly #children = new Map<string, number>();

  constructor(images: readonly StoredImage[]) {
    this.#images = new Map(images.map((image) => [image.id, image]));
    for (const image of images) {
      const parent = this.#parentOf(image);
      if (parent !== null) this.#children.set(parent.id, (this.#children.get(parent.id) ?? 0) + 1);
    }
  }

  isLeaf(id: string): boolean {
    return (this.#children.get(id) ?? 0) === 0;
  }

  /** The image and all that it stands on. */
  *lineage(image: StoredImage): Generator<StoredImage> {
    const seen = new Set<string>();
    for (let at: StoredImage | null = image; at !== null && !seen.has(at.id); at = this.#parentOf(at)) {
      seen.add(at.id);
      yield at;
    }
  }

  /** What it has beside what it stands on. */
  ownBytes(image: StoredImage): number {
    return Math.max(0, image.bytes - (this.#parentOf(image)?.bytes ?? 0));
  }

  ownBytesOf(id: string): number {
    const image = this.#images.get(id);
    return image === undefined ? 0 : this.ownBytes(image);
  }

  /** Takes a leaf away, and below it what `falls` when nothing stands on it any more. Gives all that is gone. */
  cut(leaf: StoredImage, falls: (id: string) => boolean): readonly StoredImage[] {
    const gone: StoredImage[] = [];
    for (const image of [...this.lineage(leaf)]) {
      if (gone.length > 0 && !(this.isLeaf(image.id) && falls(image.id))) break;
      gone.push(image);
      // A gone image is nobody's leaf again.
      this.#children.set(image.id, Number.POSITIVE_INFINITY);
      const parent = this.#parentOf(image);
      if (parent !== null) this.#children.set(parent.id, (this.#children.get(parent.id) ?? 0) - 1);
    }
    return gone;
  }

  #parentOf({ id, parent }: StoredImage): StoredImage | null {
    return parent === null || parent === id ? null : (this.#images.get(parent) ?? null);
  }
}
