/**
 * Where the prepared Dockerfile goes in the context. It has the labels of one build, so that no `COPY .` may take it into
 * the image: there the committed one belongs. Engines leave out of `COPY` what the ignore file names (Docker takes it out
 * of the context once it has read it), so it goes under a name that is ignored.
 */
import { ignores, refuseIgnore } from './ignore.js';
import type { SourceEntry } from './source.js';

export interface SentDockerfile {
  /** Its path in the context; the committed one's own where that is left out itself. */
  readonly path: string;
  /** By path: lines for the end of an ignore file. One that the source has not is made of them alone. */
  readonly added: ReadonlyMap<string, string>;
}

/** The source as engines get it. */
export interface SentSource {
  /** Path of the committed Dockerfile. */
  readonly dockerfile: string;
  readonly entries: readonly SourceEntry[];
  /** Whether a file or folder is sent. */
  readonly keep: (path: string) => boolean;
  /** By path: the texts of the files in `ENGINE_IGNORE_FILES` that the source has. */
  readonly ignoreTexts: ReadonlyMap<string, string>;
}

const DOCKER_IGNORE = '.dockerignore';
const PODMAN_IGNORE = '.containerignore';
/** What engines themselves read in a context: Podman the second alone where there is one, Docker knows only the first. */
export const ENGINE_IGNORE_FILES: readonly string[] = [DOCKER_IGNORE, PODMAN_IGNORE];

const OWN_NAME = '.layerwright.Dockerfile';
/** Patterns that all engines read alike, and that a name at the top can fit. Read in one way alone, however long a line is. */
const SIMPLE = /^(?:\*\*\/)?([A-Za-z0-9._-]*(?:\*[A-Za-z0-9._-]*)?)$/;
/** Bytes of a name in a folder (NAME_MAX, limits.h of Linux): an engine can't write a longer one. */
const MAX_NAME = 255;
/** Patterns that a name is made of; a real ignore file has one of them near its beginning. */
const MAX_TRIED = 100;

export function sentDockerfile(source: SentSource): SentDockerfile {
  const { dockerfile, entries, ignoreTexts } = source;
  if (entries.some(isOddIgnoreFile)) return { path: dockerfile, added: new Map() };
  const taken = namesAtTop(source);
  const docker = ignoreTexts.get(DOCKER_IGNORE);
  const podman = ignoreTexts.get(PODMAN_IGNORE);
  const free = (name: string): boolean => name === dockerfile || !taken.has(name);
  const ignored = docker === undefined ? [] : namesIgnored(dockerfile, docker, podman).filter(free);
  if (ignored[0] !== undefined) return { path: ignored[0], added: new Map() };
  let path = OWN_NAME;
  for (let count = 1; !free(path); count += 1) path = `${OWN_NAME}.${count}`;
  // An ignore file of ours ignores itself.
  const line = docker === undefined ? `${path}\n${DOCKER_IGNORE}\n` : `${path}\n`;
  const added = new Map([[DOCKER_IGNORE, line]]);
  if (podman !== undefined) added.set(PODMAN_IGNORE, line);
  return { path, added };
}

/** What has an ignore file's name and is none can't be read, nor added to. */
function isOddIgnoreFile({ path, kind }: SourceEntry): boolean {
  return ENGINE_IGNORE_FILES.some((name) => path.startsWith(`${name}/`) || (path === name && kind !== 'file'));
}

/** Names that all engines' ignore files leave out as they are, the plainest first. */
function namesIgnored(dockerfile: string, docker: string, podman: string | undefined): readonly string[] {
  const texts = podman === undefined ? [docker] : [docker, podman];
  // Too long to be tried; lines can be added to it all the same.
  if (texts.some((text) => refuseIgnore(text) !== null)) return [];
  const filters = texts.map(ignores);
  return [dockerfile, OWN_NAME, ...namesOfPatterns(docker)].filter((name) =>
    filters.every((isIgnored) => isIgnored(name)),
  );
}

function namesOfPatterns(text: string): readonly string[] {
  return text
    .split('\n', MAX_TRIED)
    .flatMap((line) => SIMPLE.exec(line.trim())?.[1] ?? [])
    .map((pattern) => pattern.replace('*', OWN_NAME))
    .filter((name) => !['', '.', '..', ...ENGINE_IGNORE_FILES].includes(name))
    .filter((name) => name.length <= MAX_NAME && !isPreprocessed(name));
}

/** Podman runs the C preprocessor over a Dockerfile with such a name. */
function isPreprocessed(name: string): boolean {
  return name.endsWith('.in');
}

/** First parts of all paths of which something is sent. */
function namesAtTop({ entries, keep }: SentSource): ReadonlySet<string> {
  const names = new Set<string>(ENGINE_IGNORE_FILES);
  for (const { path } of entries) {
    const [top = ''] = path.split('/', 1);
    if (!names.has(top) && (keep(top) || keep(path))) names.add(top);
  }
  return names;
}
