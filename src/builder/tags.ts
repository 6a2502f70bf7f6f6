/** Step 9: tags, under a claim of the repository and target. They follow from the log; nothing else decides. */
import type { Claim } from '../bus/index.js';
import type { FetchedRef } from '../git/index.js';
import { failure } from '../kernel/failure.js';
import { pause } from '../runtime/clock.js';
import { beforeTags } from './decide/lookout.js';
import { uniqueTag } from './decide/naming.js';
import { Fence } from './fence.js';
import { BuildFailed, Interruption, type Job } from './job.js';
import type { Committed } from './make.js';
import { type FreeName, isStillFree } from './name.js';
import type { BuilderParts } from './parts.js';
import { isNewest, laterThan, newerOf, rivalsOf } from './rivals.js';

/** Milliseconds between looks at a claim that another build of the component holds. */
const CLAIM_LOOK_MS = 50;

type Parts = Pick<BuilderParts, 'bus' | 'ledger' | 'git' | 'clock'>;

export interface TagsInput {
  readonly mode: 'build' | 'tags_only';
  /**
   * The mirror as it was when the build began; it is fetched again when another build might have become newer since.
   */
  readonly fetched: FetchedRef | null;
  /** What must have succeeded before the first tag moves: nothing else may fail the build after that. */
  readonly ready: Promise<unknown>;
  /** The primary tag, where the registry was asked for it when the build was named. */
  readonly free: FreeName | null;
}

export interface MovedTags {
  /** All that the image has now. */
  readonly tags: readonly string[];
  /**
   * The claim of the tags, for the caller to release once the end of the build is stored: who takes the tags next sees
   * on the log whose they are. An older build that came between would take them back.
   */
  readonly claim: Claim;
}

/** Moves the build's tags. Throws `Interruption` when the build is no longer ours, or was called off before the first tag moved. */
export async function moveTags(
  parts: Parts,
  job: Omit<Job, 'output' | 'watch'>,
  { manifest, names }: Committed,
  { mode, fetched, ready, free }: TagsInput,
): Promise<MovedTags> {
  const { build, registry, repository, signal } = job;
  const claim = await claimTags(parts, job);
  try {
    await parts.ledger.caughtUp();
    const row = parts.ledger.build(build.id);
    const [newerCompleted, tagged] = await Promise.all([
      newerCompletedThan(parts, job, { manifest, names }, fetched),
      // Asked only where the answer counts.
      (row?.cancel ?? null) !== null && isTagged(job, { manifest, names }),
      ready,
    ]);
    const fence = new Fence(parts.clock, [job.claim, claim]);
    const holdsClaim = await fence.holds();
    const decision = beforeTags({ mode, kind: build.kind, row, newerCompleted, holdsClaim, tagged });
    if (decision.kind === 'abandon')
      throw new Interruption('claim_lost', `the build is no longer ours: ${decision.reason}`);
    if (decision.kind === 'canceled') throw new Interruption('canceled', decision.message);
    signal.throwIfAborted();
    job.onTagging();
    const moved: string[] = [];
    if (decision.primary && names.primaryTag !== null) {
      const isFree = await isStillFree(parts, free, names.primaryTag);
      await putPrimary(job, names.primaryTag, manifest, fence, isFree);
      moved.push(names.primaryTag);
    }
    await pass(fence);
    signal.throwIfAborted();
    const floating = decision.floating ? names.floatingTags : [];
    await allDone(floating.map((tag) => registry.putManifest(repository, tag, manifest.mediaType, manifest.bytes)));
    return { tags: [...moved, ...floating, uniqueTag(build.id)], claim };
  } catch (thrown) {
    await claim.release();
    throw thrown;
  }
}

/** Whether a tag beside the build's own stands for its image: the primary one is moved first. */
export async function isTagged(
  { registry, repository }: Pick<Job, 'registry' | 'repository'>,
  committed: Pick<Committed, 'manifest' | 'names'> | null,
): Promise<boolean> {
  const tag = committed?.names.primaryTag ?? null;
  if (committed === null || tag === null) return false;
  return (await registry.head(repository, tag))?.digest === committed.manifest.digest;
}

/** When one has failed the others are awaited too: none may still be under way when the claim is released. */
async function allDone(works: readonly Promise<unknown>[]): Promise<void> {
  for (const ended of await Promise.allSettled(works)) if (ended.status === 'rejected') throw ended.reason;
}

async function claimTags(
  { bus }: Parts,
  { repository, target, registry, build, signal }: Pick<Job, 'repository' | 'target' | 'registry' | 'build' | 'signal'>,
): Promise<Claim> {
  const key = `tags.${registry.name}.${repository}.${target.name}`;
  for (;;) {
    signal.throwIfAborted();
    const claim = await bus.claim(key, build.id);
    if (claim !== null) return claim;
    await pause(CLAIM_LOOK_MS, signal);
  }
}

/**
 * A completed official build that is newer; null when there is none. An earlier attempt may have moved tags already: that
 * build must come to its end, and where git can't be asked the order of the requests has to do.
 */
async function newerCompletedThan(
  { ledger, git }: Parts,
  { build, requestedSeq, signal, registry, repository }: Omit<Job, 'output' | 'watch'>,
  committed: Pick<Committed, 'manifest' | 'names'>,
  fetched: FetchedRef | null,
): Promise<{ readonly id: string } | null> {
  if (build.kind !== 'official') return null;
  const { id, component, target, attempt } = build;
  const { commit, repository: url, branch } = build.source;
  const own = { id, component, target, commit, requestedSeq };
  if (fetched !== null && isNewest(ledger, own, fetched)) return null;
  const rivals = rivalsOf(ledger, build, { states: ['completed'] });
  if (rivals.length === 0) return null;
  const unchanged = fetched?.head === commit && rivals.every((rival) => rival.requestedSeq < requestedSeq);
  try {
    return await newerOf(
      own,
      rivals,
      fetched !== null && unchanged ? fetched : await git.fetch({ url, ref: branch }, signal),
    );
  } catch (thrown) {
    signal.throwIfAborted();
    if (attempt === 1 || !(await isTagged({ registry, repository }, committed))) throw thrown;
    return laterThan(own, rivals);
  }
}

/** A primary tag never gets a second digest. `isFree`: as it is known to have none. */
async function putPrimary(
  { registry, repository, build }: Pick<Job, 'registry' | 'repository' | 'build'>,
  tag: string,
  manifest: Committed['manifest'],
  fence: Fence,
  isFree: boolean,
): Promise<void> {
  const present = isFree ? null : await registry.head(repository, tag);
  if (present?.digest === manifest.digest) return;
  if (present !== null)
    throw new BuildFailed(
      failure('release_taken', 'tags', `The tag ${tag} of ${build.component} already stands for another image.`),
    );
  await pass(fence);
  await registry.putManifest(repository, tag, manifest.mediaType, manifest.bytes);
}

async function pass(fence: Fence): Promise<void> {
  if (!(await fence.holds())) throw new Interruption('claim_lost', 'the claim of the build or its tags was lost');
}
