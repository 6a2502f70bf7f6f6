/** Step 6: the names of a build, which no other build may get (docs/decisions/0002). */
import type { Claim } from '../bus/index.js';
import { failure } from '../kernel/failure.js';
import { ServiceError } from '../kernel/service-error.js';
import type { Clock } from '../runtime/clock.js';
import { type BuildNames, nameBuild, TAKEN } from './decide/naming.js';
import { BuildFailed, type Place, unwrap } from './job.js';
import type { BuilderParts } from './parts.js';
import type { Survey } from './survey.js';

/**
 * Milliseconds for which the registry's word that a name is free counts under the claim of the name: builds of ours keep
 * off it as long as that is held, and whoever else puts tags there was never kept from it between a look and a PUT.
 */
const FREE_MS = 10_000;

type Parts = Pick<BuilderParts, 'bus' | 'ledger' | 'clock'>;

/** What a build holds until it ends, and what it found to be others', over its tries. */
export interface Held {
  readonly claims: Claim[];
  /** Primary tags. */
  readonly taken: Set<string>;
  /** The primary tag that the build got. */
  free: FreeName | null;
}

/** A primary tag that the registry did not have. */
export interface FreeName {
  readonly tag: string;
  readonly claim: Claim;
  /** By the monotonic clock. */
  readonly askedAt: number;
}

export interface NameInput extends Place {
  /** Stamps the release of what a person or a wave asked for; ISO, null for now. */
  readonly requestedAt: string | null;
}

export interface Naming {
  readonly names: BuildNames;
  /**
   * Ends once nobody else can have the names: work may begin before, nothing may be pushed. Rejects with a passing fault:
   * another build has them after all (the next try takes others), or the bus or the registry did not answer.
   */
  readonly certain: Promise<void>;
}

/** Throws `BuildFailed` with the refusal, and what `registry` throws. `held`: null only looks, as `try` does. */
export async function nameIt(
  parts: Parts,
  input: NameInput,
  { facts, commitCount }: Pick<Survey, 'facts' | 'commitCount'>,
  held: Held | null,
): Promise<Naming> {
  const { build, target, requestedAt } = input;
  const stamped = build.cause.type === 'person' || build.cause.type === 'rebuild' || build.cause.type === 'replay';
  const given = {
    buildId: build.id,
    component: build.component,
    kind: build.kind,
    labels: facts.labels,
    target,
    branch: build.source.branch,
    commit: build.source.commit,
    commitCount,
    stamp: stamped ? (requestedAt === null ? parts.clock.now() : new Date(requestedAt)) : null,
    givenRelease: build.kind === 'isolated' ? build.release : null,
  };
  for (const taken of TAKEN) {
    const names = unwrap(nameBuild({ ...given, taken }));
    const certain = await takeName(parts, input, names, held);
    if (certain === null) continue;
    const proof = certain();
    // It may fail while its caller still looks elsewhere.
    proof.catch(() => undefined);
    return { names, certain: proof };
  }
  throw new BuildFailed(
    failure(
      'release_taken',
      'inspect',
      `Another build of ${build.component} has the release that this commit would get.`,
    ),
  );
}

/** Whether a name that was free is so still, and needs no other look. */
export async function isStillFree(
  { clock }: Pick<Parts, 'clock'>,
  free: FreeName | null,
  tag: string,
): Promise<boolean> {
  if (free === null || free.tag !== tag || clock.monotonic() - free.askedAt > FREE_MS) return false;
  return free.claim.verify();
}

/** Null when another build has the names; else what ends when they are certain. */
async function takeName(
  { bus, ledger, clock }: Parts,
  { build, repository, registry }: Place,
  { primaryTag, nvr }: BuildNames,
  held: Held | null,
): Promise<(() => Promise<void>) | null> {
  const nothingToProve = async (): Promise<void> => undefined;
  if (primaryTag === null) return nothingToProve;
  const owner = ledger.ownerOfNvr(nvr);
  if (owner !== null) return owner.id === build.id ? nothingToProve : null;
  const isFree = async (): Promise<boolean> => (await registry.head(repository, primaryTag)) === null;
  if (held === null) return (await isFree()) ? nothingToProve : null;
  if (held.taken.has(primaryTag)) return null;
  const claiming = (): Promise<Claim | null> => bus.claim(`nvr.${registry.name}.${repository}:${primaryTag}`, build.id);
  return () => prove(clock, claiming(), isFree, primaryTag, held);
}

/**
 * The registry is asked under the claim and not before: whoever had that may have tagged an image until it was ours. A tag
 * that the log knows nothing of is rare enough to begin a build in vain.
 */
async function prove(
  clock: Clock,
  claiming: Promise<Claim | null>,
  isFree: () => Promise<boolean>,
  tag: string,
  held: Held,
): Promise<void> {
  const claim = await claiming;
  if (claim !== null) {
    held.claims.push(claim);
    const askedAt = clock.monotonic();
    if (await isFree()) {
      held.free = { tag, claim, askedAt };
      return;
    }
  }
  held.taken.add(tag);
  throw new ServiceError('release_taken', `The tag ${tag} belongs to another build.`, { transient: true });
}
