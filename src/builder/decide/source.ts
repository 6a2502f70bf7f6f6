import { type Failure, failure } from '../../kernel/failure.js';
import { LIMITS } from '../../kernel/limits.js';
import { err, ok, type Result } from '../../kernel/result.js';

const STEP = 'source';
/** In the order in which they are looked for. */
const DOCKERFILE_NAMES = ['Dockerfile', 'Containerfile'] as const;
/** Sizes in bytes that a Git LFS pointer can have (Git LFS specification: version, oid, size; under 1024, in practice under 200). */
const LFS_POINTER = { min: 100, max: 200 } as const;
const LFS_START = 'version https://git-lfs';

/** An entry of the tree below the component's path, as `git` gives it. */
export interface SourceEntry {
  readonly path: string;
  readonly kind: 'file' | 'link' | 'submodule';
  /** Bytes. */
  readonly size: number;
}

export interface SourceFacts {
  /** Name of the Dockerfile, relative to the component's path. */
  readonly dockerfile: string;
  /** The ignore file that applies; null when there is none. */
  readonly ignoreFile: string | null;
}

/**
 * Looks at the names alone: which Dockerfile, which ignore file. Refusals: `dockerfile_missing`, `dockerfile_invalid`,
 * `source_unsupported`.
 */
export function inspectTree(entries: readonly SourceEntry[], path: string): Result<SourceFacts, Failure> {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const where = path === '' ? 'the repository' : path;
  const found = DOCKERFILE_NAMES.map((name) => byPath.get(name)).find((entry) => entry !== undefined);
  if (found === undefined)
    return err(failure('dockerfile_missing', STEP, `There is no Dockerfile or Containerfile in ${where}.`));
  if (found.kind !== 'file')
    return err(
      failure('source_unsupported', STEP, `${found.path} is a symbolic link or a submodule. Commit the file itself.`),
    );
  if (found.size > LIMITS.dockerfileBytes)
    return err(failure('dockerfile_invalid', STEP, `${found.path} is larger than ${LIMITS.dockerfileBytes} bytes.`));
  const ignore = [`${found.path}.dockerignore`, '.dockerignore'].find((name) => byPath.get(name)?.kind === 'file');
  return ok({ dockerfile: found.path, ignoreFile: ignore ?? null });
}

/** Files that are small enough to be LFS pointers and must be read to know. */
export function lfsCandidates(entries: readonly SourceEntry[]): readonly string[] {
  return entries
    .filter(({ kind, size }) => kind === 'file' && size >= LFS_POINTER.min && size <= LFS_POINTER.max)
    .map(({ path }) => path);
}

/** True when a file's text is a Git LFS pointer in the place of the file. */
export function isLfsPointer(text: string): boolean {
  return text.length <= LFS_POINTER.max && text.startsWith(LFS_START);
}

/**
 * Refuses what an archive cannot carry: submodules, and LFS pointers among `small` (path → text). What the ignore file
 * leaves out is not looked at. Links are data and pass. Null when the source can be built.
 */
export function refuseSource(
  entries: readonly SourceEntry[],
  small: ReadonlyMap<string, string>,
  included: (path: string) => boolean = () => true,
): Failure | null {
  const submodule = entries.find(({ kind, path }) => kind === 'submodule' && included(path));
  if (submodule !== undefined)
    return failure(
      'source_unsupported',
      STEP,
      `${submodule.path} is a submodule, which is not fetched. Commit its files, or leave it out in .dockerignore.`,
    );
  for (const [path, text] of small)
    if (isLfsPointer(text) && included(path))
      return failure(
        'source_unsupported',
        STEP,
        `${path} is a Git LFS pointer, and LFS files are not fetched. Commit the file itself, or leave it out in .dockerignore.`,
      );
  return null;
}

/** A component's path as git and an archive may have it: relative, no way up, no empty or odd segments. */
export function isSafePath(path: string): boolean {
  if (path === '') return true;
  if (path.length > 1024 || hasControl(path) || path.includes('\\') || path.startsWith('-') || path.startsWith(':'))
    return false;
  return path
    .split('/')
    .every((segment) => segment !== '' && segment !== '.' && segment !== '..' && segment !== '.git');
}

function hasControl(text: string): boolean {
  for (const character of text) if (character < ' ' || character === '\x7f') return true;
  return false;
}

/** The same as a refusal: `config_invalid`, or null. */
export function refusePath(path: string): Failure | null {
  if (isSafePath(path)) return null;
  return failure(
    'config_invalid',
    STEP,
    `The path ${JSON.stringify(path.slice(0, 200))} is not a folder inside a repository.`,
  );
}
