/** Steps 5 and 6: the source, what its Dockerfile says, its parents, and the build's names. */
import type { Claim } from '../bus/index.js';
import type { FetchedRef, TreeEntry } from '../git/index.js';
import { failure } from '../kernel/failure.js';
import { LIMITS } from '../kernel/limits.js';
import { formatNvr } from '../kernel/nvr.js';
import type { Result } from '../kernel/result.js';
import type { Build, Parent } from '../messages/index.js';
import { decodeDockerfile, inspectDockerfile } from './decide/dockerfile.js';
import type { DockerfileFacts } from './decide/facts.js';
import { ignoreFilter, refuseIgnore } from './decide/ignore.js';
import { type BuildNames, nameBuild } from './decide/naming.js';
import {
  type KnownRegistry,
  type MissingParent,
  type ParentName,
  pinnedReference,
  resolveParentName,
  whenParentMissing,
} from './decide/parents.js';
import { pinDockerfile } from './decide/pin.js';
import { CLASSIC_FRONTEND, refuseFacts, refusePlatform } from './decide/policy.js';
import { inspectTree, isLfsPointer, lfsCandidates, refusePath, refuseSource } from './decide/source.js';
import { BuildFailed, BuildWaits, type Place } from './job.js';
import type { BuilderParts } from './parts.js';
import type { BuilderSettings } from './settings.js';

/** All that the engine step needs, and what the terminal message will say of it. */
export interface Prepared extends Survey {
  readonly names: BuildNames;
  readonly parents: readonly Parent[];
  /** What the final stage stands on; null for `scratch`. */
  readonly base: Parent | null;
  /** The Dockerfile's text with every parent pinned. */
  readonly pinned: string;
}

/** What a survey depends on beside the source. */
export interface SurveyInput extends Pick<Place, 'build' | 'target'> {
  /** What the engine builds for, as `linux/amd64`. */
  readonly platform: string;
}

export interface PrepareInput extends Place, SurveyInput {
  /** Stamps the release of what a person or a wave asked for; ISO, null for now. */
  readonly requestedAt: string | null;
  readonly signal: AbortSignal;
}

type Parts = Pick<BuilderParts, 'bus' | 'ledger' | 'git' | 'registries' | 'clock'>;

/** How a build holds its NVR until it ends (docs/decisions/0002); `null` only looks, as `try` does. */
export type HoldNvr = (claim: Claim) => void;

/** What the source says, before anything outside it is asked. */
export interface Survey {
  readonly fetched: FetchedRef;
  readonly facts: DockerfileFacts;
  readonly dockerfile: string;
  readonly text: string;
  readonly keep: (path: string) => boolean;
  readonly commitCount: number;
  readonly committedAt: Date;
}

/** Reads and inspects the source in a mirror. Throws `BuildFailed` with the refusal, and what `git` throws. */
export async function survey({ build, target, platform }: SurveyInput, fetched: FetchedRef): Promise<Survey> {
  const { commit, path } = build.source;
  const odd = refusePath(path);
  if (odd !== null) throw new BuildFailed(odd);
  await checkCommit(build, fetched);
  const [entries, commitCount, committedAt] = await Promise.all([
    fetched.tree(commit, path),
    fetched.countCommits(commit),
    fetched.committedAt(commit),
  ]);
  const { dockerfile, ignoreFile } = unwrap(inspectTree(entries, path));
  const [bytes, ignore] = await Promise.all([
    readBytes(fetched, commit, join(path, dockerfile)),
    ignoreFile === null ? null : readBytes(fetched, commit, join(path, ignoreFile)),
  ]);
  const text = unwrap(decodeDockerfile(bytes, dockerfile));
  const ignored = ignore?.toString('utf8') ?? null;
  const long = ignored === null ? null : refuseIgnore(ignored);
  if (long !== null) throw new BuildFailed(long);
  const keep = ignoreFilter(ignored, dockerfile);
  await checkSource(build, entries, keep, fetched);
  const facts = unwrap(inspectDockerfile(text, { path: dockerfile, buildArgs: build.build_args, platform }));
  const refused = refuseFacts(facts, target, CLASSIC_FRONTEND) ?? refusePlatform(facts, platform);
  if (refused !== null) throw new BuildFailed(refused);
  return { fetched, facts, dockerfile, text, keep, commitCount, committedAt };
}

/**
 * Resolves the parents and names the build. Throws `BuildFailed` with the refusal, `BuildWaits`, and what `git` and
 * `registry` throw. `surveyed` may be given when the caller has a survey of a fetch that began after the request.
 */
export async function prepare(
  settings: BuilderSettings,
  parts: Parts,
  input: PrepareInput,
  hold: HoldNvr | null,
  surveyed: Promise<Survey> | null = null,
): Promise<Prepared> {
  const source = await (surveyed ?? surveyAnew(parts, input));
  const { facts, text, commitCount } = source;
  const resolved = await resolveParents(settings, parts, input, facts);
  const names = await nameIt(parts, input, facts, commitCount, hold);
  return {
    ...source,
    names,
    parents: [...resolved.values()].map(({ parent }) => parent),
    base: facts.base === null ? null : (resolved.get(facts.base)?.parent ?? null),
    pinned: pinDockerfile(text, facts, new Map([...resolved].map(([written, { pin }]) => [written, pin]))),
  };
}

async function surveyAnew({ git }: Parts, input: PrepareInput): Promise<Survey> {
  const { repository, branch } = input.build.source;
  return survey(input, await git.fetch({ url: repository, ref: branch }, input.signal));
}

/** The build with its names filled in. */
export function named(
  build: Build,
  { name, version, release }: Pick<BuildNames, 'name' | 'version' | 'release'>,
): Build {
  return { ...build, name, version, release, nvr: formatNvr({ name, version, release }) };
}

async function checkCommit({ source, kind }: Build, fetched: FetchedRef): Promise<void> {
  const short = source.commit.slice(0, 12);
  if (!(await fetched.has(source.commit)))
    throw new BuildFailed(
      failure(
        'commit_missing',
        'source',
        `The commit ${short} is not in ${source.repository} (branch ${source.branch}).`,
      ),
    );
  if (kind !== 'scratch' && !(await fetched.isOnRef(source.commit)))
    throw new BuildFailed(
      failure(
        'commit_not_on_branch',
        'source',
        `The commit ${short} is not on ${source.branch} of ${source.repository}.`,
      ),
    );
}

async function checkSource(
  { source }: Build,
  entries: readonly TreeEntry[],
  keep: (path: string) => boolean,
  fetched: FetchedRef,
): Promise<void> {
  const { commit, path } = source;
  const small = new Map<string, string>();
  for (const candidate of lfsCandidates(entries)) {
    const text =
      (await fetched.readFile(commit, join(path, candidate), LIMITS.detailCharacters))?.toString('latin1') ?? '';
    if (isLfsPointer(text)) small.set(candidate, text);
  }
  const refused = refuseSource(entries, small, keep);
  if (refused !== null) throw new BuildFailed(refused);
}

interface ResolvedParent {
  readonly parent: Parent;
  /** What the engine gets in its place. */
  readonly pin: string;
}

async function resolveParents(
  settings: BuilderSettings,
  { registries, ledger }: Parts,
  { build, target }: Place,
  facts: DockerfileFacts,
): Promise<ReadonlyMap<string, ResolvedParent>> {
  const known = knownRegistries(settings, registries);
  const missing: MissingParent[] = [];
  const resolved = new Map<string, ResolvedParent>();
  const written = [...new Set(facts.parents.map((parent) => parent.written))];
  const found = await Promise.all(
    written.map(async (name) => {
      const place = unwrap(resolveParentName(name, target.parents, known));
      return { name, place, digest: await digestOf(registries, build, place) };
    }),
  );
  for (const { name, place, digest } of found) {
    if (digest === null) missing.push({ ...place, written: name });
    else {
      const parent = { written: name, resolved: place.lookedUpAs, digest, build: ledger.byDigest(digest)?.id ?? null };
      resolved.set(name, { parent, pin: pinnedReference(place, digest) });
    }
  }
  if (missing.length === 0) return resolved;
  const isComponent = (component: string): boolean =>
    ledger.builds({ component, target: target.name, limit: 1 }).length > 0;
  const outcome = whenParentMissing(missing, { component: build.component, target }, isComponent);
  if (outcome.kind === 'fail') throw new BuildFailed(outcome.failure);
  throw new BuildWaits(outcome.message, outcome.waitingFor);
}

/** What a rebuild was pinned to, else what the registry has now. */
async function digestOf(registries: Parts['registries'], { cause }: Build, place: ParentName): Promise<string | null> {
  const reference = cause.parents?.find(({ name }) => name === place.lookedUpAs)?.digest ?? place.reference;
  const found = await registries.get(place.registryName)?.head(place.repository, reference);
  return found?.digest ?? null;
}

export function knownRegistries(settings: BuilderSettings, registries: Parts['registries']): readonly KnownRegistry[] {
  return [...registries].map(([name, { host }]) => ({
    name,
    host,
    engineHost: settings.engineRegistryHosts[name] ?? host,
  }));
}

async function nameIt(
  parts: Parts,
  { build, target, repository, registry, requestedAt }: PrepareInput,
  facts: DockerfileFacts,
  commitCount: number,
  hold: HoldNvr | null,
): Promise<BuildNames> {
  const stamped = build.cause.type === 'person' || build.cause.type === 'rebuild' || build.cause.type === 'replay';
  const input = {
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
  for (const primaryTagTaken of [false, true]) {
    const names = unwrap(nameBuild({ ...input, primaryTagTaken }));
    if (await isFree(parts, names, build.id, repository, registry, hold)) return names;
  }
  throw new BuildFailed(
    failure(
      'release_taken',
      'inspect',
      `Another build of ${build.component} has the release that this commit would get.`,
    ),
  );
}

async function isFree(
  { bus, ledger }: Parts,
  { primaryTag, nvr }: BuildNames,
  id: string,
  repository: string,
  registry: Place['registry'],
  hold: HoldNvr | null,
): Promise<boolean> {
  if (primaryTag === null) return true;
  const owner = ledger.ownerOfNvr(nvr);
  if (owner !== null) return owner.id === id;
  const key = `nvr.${registry.name}.${repository}:${primaryTag}`;
  const claim = hold === null ? null : await bus.claim(key, id);
  if (hold !== null && claim === null) return false;
  let kept = false;
  try {
    kept = (await registry.head(repository, primaryTag)) === null;
    if (claim !== null && kept) hold?.(claim);
    return kept;
  } finally {
    // A registry that did not answer must not leave the name held against our own next try.
    if (!kept) await claim?.release();
  }
}

async function readBytes(fetched: FetchedRef, commit: string, path: string): Promise<Buffer> {
  return (await fetched.readFile(commit, path, LIMITS.dockerfileBytes)) ?? Buffer.alloc(0);
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

function unwrap<T>(result: Result<T, BuildFailed['failure']>): T {
  if (!result.ok) throw new BuildFailed(result.error);
  return result.value;
}
