import { type Failure, failure } from '../../kernel/failure.js';
import type { BuildKind } from '../../kernel/ids.js';
import { isTag, toTag } from '../../kernel/image-ref.js';
import { computeRelease, formatNvr, primaryTag } from '../../kernel/nvr.js';
import { err, ok, type Result } from '../../kernel/result.js';
import type { BuilderTarget } from '../settings.js';

const STEP = 'inspect';
const OCI_VERSION = 'org.opencontainers.image.version';
/** A tag holds 128 characters; what a version and a release may take of them. */
const MAX_PART = 63;
/** Beginnings of the tags that we make ourselves; a version must not look like one. */
const OUR_TAGS = /^(build-|sha256-)/;

export interface NamingInput {
  readonly buildId: string;
  readonly component: string;
  readonly kind: BuildKind;
  /** Labels of the Dockerfile's final stage. */
  readonly labels: Readonly<Record<string, string>>;
  readonly target: Pick<BuilderTarget, 'name' | 'dist' | 'defaultVersion' | 'latest'>;
  /** Short name, as `f41`, or `tags/v1` for a tag, whose name then is the version. */
  readonly branch: string;
  readonly commit: string;
  /** Commits reachable from the commit. */
  readonly commitCount: number;
  /** When a rebuild or a person's repeat was asked for; null for a push. */
  readonly stamp: Date | null;
  /** The release of an isolated build; null else. */
  readonly givenRelease: string | null;
  /** How many of the names that a build can have are another build's, in their order. */
  readonly taken: Taken;
}

/** A build has three names at most: the plain one, that with its commit, and that with its id too. */
export const TAKEN = [0, 1, 2] as const;
export type Taken = (typeof TAKEN)[number];

/** What a build is called and which tags its image gets. */
export interface BuildNames {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  readonly nvr: string;
  /** Null for a scratch build, which has its unique tag only. */
  readonly primaryTag: string | null;
  /** In the order in which they are moved; empty for isolated and scratch builds. */
  readonly floatingTags: readonly string[];
}

/**
 * Names a build without a counter service (design, section 4). Call it with each of `TAKEN` in turn, ask who has the
 * tag, and go on while that is another build. A version or release never holds a `-`: so a floating tag can never be some
 * build's primary tag. Refusals: `config_invalid`, `release_taken`.
 */
export function nameBuild(input: NamingInput): Result<BuildNames, Failure> {
  const version = versionOf(input);
  if (!version.ok) return version;
  const release = releaseOf(input);
  if (!release.ok) return release;
  const parts = { name: input.component, version: version.value, release: release.value };
  const scratch = input.kind === 'scratch';
  return ok({
    ...parts,
    nvr: formatNvr(parts),
    primaryTag: scratch ? null : primaryTag(parts),
    floatingTags: input.kind === 'official' ? floatingTags(version.value, input.target.latest) : [],
  });
}

/** The tag that belongs to a build's id alone; the commit point of section 6, step 8. */
export function uniqueTag(buildId: string): string {
  return `build-${buildId}`;
}

/** The tag that one attempt pushes to. */
export function attemptTag(buildId: string, attempt: number): string {
  return `${uniqueTag(buildId)}.${attempt}`;
}

/** The repository of a component in a target. */
export function repositoryOf(target: Pick<BuilderTarget, 'repository'>, component: string): string {
  return target.repository.replaceAll('{component}', component);
}

function floatingTags(version: string, latest: boolean): string[] {
  const tag = toTag(version);
  // A version that says `latest` must not take the tag from the target that owns it.
  const own = tag === 'latest' ? [] : [tag];
  return latest ? [...own, 'latest'] : own;
}

function versionOf({ branch, labels, target, component }: NamingInput): Result<string, Failure> {
  const tag = branch.startsWith('tags/') ? branch.slice('tags/'.length) : '';
  const label = labels['version'] ?? '';
  const found = [tag, label, labels[OCI_VERSION] ?? '', target.defaultVersion ?? ''].find((text) => text !== '');
  if (found === undefined)
    return err(
      failure(
        'config_invalid',
        STEP,
        `${component} has no version. Add LABEL version="…" to its Dockerfile, or default_version to the target ${target.name}.`,
      ),
    );
  return part('version', found);
}

function releaseOf(input: NamingInput): Result<string, Failure> {
  const label = input.labels['release'] ?? '';
  const given = input.givenRelease ?? (label === '' ? null : label);
  if (input.kind === 'isolated' && input.givenRelease === null)
    return err(failure('config_invalid', STEP, 'An isolated build needs a release. Give one with --isolated RELEASE.'));
  if (input.kind === 'scratch') return ok(`${computed({ ...input, taken: 0 })}.scratch.${input.buildId.slice(0, 8)}`);
  if (given !== null && input.taken > 0)
    return err(
      failure(
        'release_taken',
        STEP,
        `Another build of ${input.component} already has the release ${given} of this version. Give another one, or leave it out to have it computed.`,
      ),
    );
  if (given !== null) return part('release', given);
  return ok(computed(input));
}

function computed({ commitCount, stamp, target, taken, commit, buildId }: NamingInput): string {
  const apart = { commit: taken > 0 ? commit : null, build: taken > 1 ? buildId : null };
  return computeRelease({ commitCount, stamp, dist: target.dist, ...apart }).replaceAll('-', '_');
}

/** A version or a release as people gave it, made fit for an NVR and a tag. */
function part(what: 'version' | 'release', text: string): Result<string, Failure> {
  const clean = toTag(text.trim()).replaceAll('-', '_');
  if (!isTag(clean) || text.trim().length > MAX_PART || OUR_TAGS.test(text.trim()))
    return err(
      failure(
        'config_invalid',
        STEP,
        `The ${what} ${JSON.stringify(text.slice(0, 80))} cannot be part of a tag: at most ${MAX_PART} characters, not beginning with build- or sha256-.`,
      ),
    );
  return ok(clean);
}
