import { isDigest } from '../kernel/digest.js';
import { ServiceError } from '../kernel/service-error.js';
import type { BuildRow, Ledger, Stream } from '../ledger/index.js';
import type { Basis, HandPlan, Head, ImageName, Named } from '../rebuilds/index.js';
import { findBuild } from './find-build.js';
import { leftOut } from './left-out.js';
import type { Session } from './session.js';

/** Questions to git hosts at one time. */
const AT_ONCE = 8;

/** What a person wants rebuilt; one of `what`, `failedSince` and `dependentsOf`. */
export interface Wanted {
  /** Components, NVRs or ids of builds. */
  readonly what: readonly string[];
  /** What failed since then, or ever; null: not by failures. */
  readonly failedSince: Date | 'ever' | null;
  readonly dependentsOf: string | null;
  /** Parents as they were then; null: as they are. */
  readonly asOf: Date | null;
  readonly target: string | null;
}

/**
 * What is asked for and what not; asks for nothing itself. Throws `not_found`, `usage`, and `source_unavailable` where the
 * answer hangs on a git host that is away.
 */
export async function planRebuilds(
  session: Pick<Session, 'settings' | 'ledger' | 'git'>,
  { what, failedSince, dependentsOf, asOf, target }: Wanted,
): Promise<HandPlan> {
  const rebuilds = await import('../rebuilds/index.js');
  const ledger = await session.ledger();
  const isOut = leftOut(session.settings.config);
  const isWanted = (stream: Stream): boolean => target === null || stream.target === target;
  const streams = ledger.streams().filter(isWanted);
  if (failedSince !== null) {
    const since = failedSince === 'ever' ? null : failedSince.toISOString();
    const failed = rebuilds.readFailed(ledger, streams, since);
    const asked = failed.filter((one) => rebuilds.needsHead(one, isOut)).map((one) => one.failed);
    return rebuilds.planFailed(failed, await headsOf(session, asked), isOut);
  }
  if (dependentsOf !== null) {
    const image = imageNamed(ledger, dependentsOf);
    return rebuilds.readDependents(ledger, image, (stream) => !isWanted(stream), isOut);
  }
  const found = what.flatMap((text) => namedBy(ledger, streams, text, target));
  if (asOf !== null) return rebuilds.readAsOf(ledger, found, asOf.toISOString());
  return rebuilds.planNamed(
    found.flatMap((one): readonly Named[] => {
      if ('id' in one) return [{ basis: one, byComponent: false }];
      const basis = rebuilds.readBasis(ledger, one);
      return basis === null ? [] : [{ basis, byComponent: true }];
    }),
    isOut,
  );
}

/** A build by its NVR or id, else all targets of a component. Throws `not_found`, `usage`. */
function namedBy(
  ledger: Ledger,
  streams: readonly Stream[],
  text: string,
  target: string | null,
): readonly (Stream | BuildRow)[] {
  if (ledger.find(text).length > 0) {
    const build = findBuild(ledger, text);
    if (target !== null && build.target !== target)
      throw new ServiceError('usage', `${text} is a build for ${build.target}, not for ${target}`);
    return [build];
  }
  const found = streams.filter(({ component }) => component === text);
  if (found.length > 0) return found;
  const where = target === null ? '' : ` for ${target}`;
  throw new ServiceError('not_found', `no build of ${JSON.stringify(text)}${where} is known`);
}

/** A component has no colon and is no reference; a path without a tag may be both. */
function imageNamed(ledger: Ledger, text: string): ImageName {
  if (isDigest(text)) return { component: ledger.byDigest(text)?.component ?? null, reference: text };
  const isComponent = ledger.builds({ component: text, limit: 1 }).length > 0;
  if (!isComponent && !/[:@]/.test(text))
    throw new ServiceError('not_found', `${JSON.stringify(text)} is neither a component nor a reference with a tag`);
  return isComponent ? { component: text, reference: null } : { component: null, reference: text };
}

/** The heads of all refs that some builds are of, each repository asked once. Throws when a host is away. */
async function headsOf(session: Pick<Session, 'git'>, builds: readonly Basis[]): Promise<(basis: Basis) => Head> {
  const heads = new Map<string, ReadonlyMap<string, string> | string>();
  const left = [...new Set(builds.map(({ source }) => source.repository))];
  const ask = async (): Promise<void> => {
    for (let url = left.pop(); url !== undefined; url = left.pop()) heads.set(url, await refsOf(session, url));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return ({ source }) => {
    const refs = heads.get(source.repository) ?? 'it was not asked';
    return typeof refs === 'string' ? { refused: refs } : { commit: refs.get(source.branch) ?? null };
  };
}

/** Heads by ref, or why the URL is refused. */
async function refsOf(session: Pick<Session, 'git'>, url: string): Promise<ReadonlyMap<string, string> | string> {
  const git = await session.git();
  return (await git.refusal(url)) ?? git.lsRemote(url);
}
