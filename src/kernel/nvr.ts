import { toTag } from './image-ref.js';

/** Name, version and release; the field's way to name one build of one component. */
export interface Nvr {
  readonly name: string;
  readonly version: string;
  readonly release: string;
}

export function formatNvr({ name, version, release }: Nvr): string {
  return `${name}-${version}-${release}`;
}

/** The tag that belongs to exactly one build: version and release. */
export function primaryTag({ version, release }: Pick<Nvr, 'version' | 'release'>): string {
  return toTag(`${version}-${release}`);
}

export interface ReleaseParts {
  /** Commits reachable from the built commit. */
  readonly commitCount: number;
  /** When a rebuild or a person's repeat was asked for; null for a push. */
  readonly stamp: Date | null;
  /** The target's suffix, as `.f41`; may be empty. */
  readonly dist: string;
  /** The commit, when its short form must tell two builds with one primary tag apart; else null. */
  readonly commit: string | null;
  /** The build's id, when the commit does not tell them apart either; else null. */
  readonly build: string | null;
}

/**
 * A release without a counter service (design, section 4; docs/decisions/0002): `17.f41`, `17.20261123171500.f41`,
 * `17.f41.g1a2b3c4`, `17.f41.g1a2b3c4.c0ffee00`.
 */
export function computeRelease({ commitCount, stamp, dist, commit, build }: ReleaseParts): string {
  const time = stamp === null ? '' : `.${stampOf(stamp)}`;
  const parts = [commit === null ? '' : `.g${commit.slice(0, 7)}`, build === null ? '' : `.${build.slice(0, 8)}`];
  return `${commitCount}${time}${dist}${parts.join('')}`;
}

/** UTC, to the second, as 14 digits. */
export function stampOf(time: Date): string {
  return time.toISOString().replace(/[-:T]/g, '').slice(0, 14);
}
