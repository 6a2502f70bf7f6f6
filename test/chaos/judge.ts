/**
 * What a run came to, by the three stores alone: the log, the registry and git. Pure; it knows nothing of the service's
 * own code, so that a fault there can't hide itself.
 */

export interface LogLine {
  readonly id: string;
  readonly topic: string;
  readonly body: unknown;
}

export interface RepositoryEvidence {
  readonly component: string;
  /** Of the branch, oldest first; each was pushed by itself. */
  readonly commits: readonly string[];
  /** Tag → digest, of the component's images. */
  readonly tags: Readonly<Record<string, string>>;
}

export interface Evidence {
  /** Whether a newer commit may stand in for an older one. */
  readonly supersede: boolean;
  readonly log: readonly LogLine[];
  readonly repositories: readonly RepositoryEvidence[];
  readonly deadLetters: number;
}

export interface Judgement {
  /** Commits, and how they ended. */
  readonly pushes: number;
  readonly completed: number;
  readonly failed: number;
  /** Those that a newer commit stands in for included. */
  readonly canceled: number;
  /** Commits without any end; with `supersede`, heads of branches too that did not complete. */
  readonly lost: number;
  /** Builds that have two images, and images that have two builds of one name. */
  readonly two_digests: number;
  /** Commits that ended twice, in two ways or as two builds. */
  readonly two_terminals: number;
  /** Tags that stand for another image than they should, are missing, or are nobody's. */
  readonly wrong_tags: number;
  readonly dead_letters: number;
  /** Ends that were told again by another process, alike: the fold counts them once. */
  readonly repeated_ends: number;
  /** Attempts beyond each build's first. */
  readonly further_attempts: number;
  /** Tags of attempts that are still in the registry. */
  readonly attempt_tags: number;
  /** What is wrong, in words. */
  readonly faults: readonly string[];
}

interface End {
  readonly id: string;
  readonly kind: 'completed' | 'failed' | 'canceled' | 'superseded';
  /** Of a failure. */
  readonly message: string;
  readonly process: string;
  readonly digest: string | null;
  readonly code: string;
}

interface Build {
  readonly id: string;
  readonly ends: End[];
  nvr: string | null;
  version: string | null;
  release: string | null;
  attempts: number;
}

/** What is ours in a registry and no image of a build: logs, and what a registry's own referrers go by. */
const OTHER_TAGS = /^(log-|sha256-)/;
const CALLED_OFF: ReadonlySet<End['kind']> = new Set(['canceled', 'superseded']);
const ATTEMPT_TAG = /^build-[0-9a-f-]{36}\.\d+$/;

export function judge({ supersede, log, repositories, deadLetters }: Evidence): Judgement {
  const builds = buildsByCommit(log);
  const faults: string[] = [];
  const count = { completed: 0, failed: 0, canceled: 0, lost: 0, twoDigests: 0, twoTerminals: 0, wrongTags: 0 };
  const known = new Set(repositories.flatMap(({ commits }) => commits));
  for (const [commit, strange] of builds) {
    if (!known.has(commit)) faults.push(`${strange.length} builds of a commit that git does not have: ${commit}`);
  }
  const nvrs = new Map<string, string>();
  for (const repository of repositories) {
    for (const [index, commit] of repository.commits.entries()) {
      const of = builds.get(commit) ?? [];
      const name = `${repository.component} ${commit.slice(0, 8)}`;
      const isHead = index === repository.commits.length - 1;
      const kinds = new Set(of.flatMap(({ ends }) => ends.map(({ kind }) => kind)));
      if (kinds.has('completed')) count.completed += 1;
      else if (kinds.has('failed')) count.failed += 1;
      else if (kinds.has('canceled') || kinds.has('superseded')) count.canceled += 1;
      const isHeld = supersede ? (isHead ? kinds.has('completed') : kinds.size > 0) : kinds.size > 0;
      if (!isHeld) {
        count.lost += 1;
        faults.push(
          `lost: ${name}, ${of.length === 0 ? 'never asked for' : [...kinds].join(', ') || 'without an end'}`,
        );
      }
      for (const { code, kind, message } of of.flatMap(({ ends }) => ends))
        if (kind === 'failed') faults.push(`failed: ${name}, ${code}: ${message}`);
      count.twoTerminals += faultsOf(faults, endsTwice(of), name);
      for (const build of of) {
        count.twoDigests += faultsOf(faults, twoDigests(build, repository, nvrs), name);
      }
    }
    count.wrongTags += faultsOf(faults, wrongTags(repository, builds), repository.component);
  }
  if (deadLetters > 0) faults.push(`${deadLetters} dead letters`);
  const all = [...builds.values()].flat();
  return {
    pushes: known.size,
    completed: count.completed,
    failed: count.failed,
    canceled: count.canceled,
    lost: count.lost,
    two_digests: count.twoDigests,
    two_terminals: count.twoTerminals,
    wrong_tags: count.wrongTags,
    dead_letters: deadLetters,
    repeated_ends: all.reduce((sum, { ends }) => sum + repeats(ends), 0),
    further_attempts: all.reduce((sum, { attempts }) => sum + Math.max(0, attempts - 1), 0),
    attempt_tags: repositories.flatMap(({ tags }) => Object.keys(tags)).filter((tag) => ATTEMPT_TAG.test(tag)).length,
    faults,
  };
}

function faultsOf(faults: string[], found: readonly string[], name: string): number {
  for (const each of found) faults.push(`${name}: ${each}`);
  return found.length;
}

/** At most one fault a commit: superseded is no end, and may be followed by one. */
function endsTwice(builds: readonly Build[]): readonly string[] {
  const ended = builds
    .map(({ id, ends }) => ({ id, ends: ends.filter(({ kind }) => kind !== 'superseded') }))
    .filter(({ ends }) => ends.length > 0);
  if (ended.length > 1) return [`ended as ${ended.length} builds: ${ended.map(({ id }) => id).join(', ')}`];
  const kinds = new Set(ended.flatMap(({ ends }) => ends.map(({ kind, id }) => `${kind} (message ${id})`)));
  return kinds.size > 1 ? [`ended twice: ${[...kinds].join(', ')}`] : [];
}

function twoDigests(
  { id, ends, nvr }: Build,
  { tags }: RepositoryEvidence,
  nvrs: Map<string, string>,
): readonly string[] {
  const told = new Set(ends.flatMap(({ digest }) => digest ?? []));
  if (told.size === 0) return [];
  const found: string[] = [];
  const stored = tags[`build-${id}`];
  const all = new Set([...told, ...(stored === undefined ? [] : [stored])]);
  if (all.size > 1) found.push(`the build ${id} has the images ${[...all].join(', ')}`);
  const other = nvr === null ? undefined : nvrs.get(nvr);
  if (other !== undefined) found.push(`${nvr} is two builds: ${other}, ${id}`);
  if (nvr !== null) nvrs.set(nvr, id);
  return found;
}

function wrongTags(
  { commits, tags }: RepositoryEvidence,
  builds: ReadonlyMap<string, readonly Build[]>,
): readonly string[] {
  const expected = new Map<string, string>();
  const own = new Set<string>();
  // Oldest first: the floating tags stand for the newest commit that completed.
  for (const build of commits.flatMap((commit) => builds.get(commit) ?? [])) {
    const digest = build.ends.find(({ kind }) => kind === 'completed')?.digest ?? null;
    // What was called off after its image was committed keeps that under its own tag.
    if (digest === null && build.ends.some(({ kind }) => CALLED_OFF.has(kind))) own.add(`build-${build.id}`);
    if (digest === null) continue;
    expected.set(`build-${build.id}`, digest).set(`${build.version}-${build.release}`, digest);
    expected.set(String(build.version), digest).set('latest', digest);
  }
  const wrong = [...expected]
    .filter(([tag, digest]) => tags[tag] !== digest)
    .map(([tag, digest]) => `the tag ${tag} is ${tags[tag] ?? 'missing'}, not ${digest}`);
  const strange = Object.keys(tags).filter(
    (tag) => !expected.has(tag) && !own.has(tag) && !OTHER_TAGS.test(tag) && !ATTEMPT_TAG.test(tag),
  );
  return [...wrong, ...strange.map((tag) => `the tag ${tag} is nobody's`)];
}

/** Ends that several processes told, copies of one message aside. */
function repeats(ends: readonly End[]): number {
  const tellers = new Set(
    ends.filter(({ kind }) => kind !== 'superseded').map(({ id, process }) => `${id} ${process}`),
  );
  return Math.max(0, tellers.size - 1);
}

function buildsByCommit(log: readonly LogLine[]): ReadonlyMap<string, readonly Build[]> {
  const builds = new Map<string, Build>();
  const commits = new Map<string, Build[]>();
  for (const line of log) {
    const told = member(line.body, 'build');
    const [id, commit] = [text(member(told, 'id')), text(member(member(told, 'source'), 'commit'))];
    if (id === null || commit === null) continue;
    let build = builds.get(id);
    if (build === undefined) {
      build = { id, ends: [], nvr: null, version: null, release: null, attempts: 0 };
      builds.set(id, build);
      commits.set(commit, [...(commits.get(commit) ?? []), build]);
    }
    note(build, told, line);
  }
  return commits;
}

function note(build: Build, told: unknown, { id, topic, body }: LogLine): void {
  const attempt = member(told, 'attempt');
  if (typeof attempt === 'number') build.attempts = Math.max(build.attempts, attempt);
  const kind = /\.container\.build\.(completed|failed|canceled)$/.exec(topic)?.[1];
  if (kind === undefined) return;
  const reason = text(member(member(body, 'reason'), 'code'));
  build.ends.push({
    id,
    kind: kind === 'canceled' && reason === 'superseded' ? 'superseded' : (kind as End['kind']),
    process: text(member(member(body, 'process'), 'id')) ?? '',
    digest: kind === 'completed' ? text(member(member(body, 'image'), 'digest')) : null,
    code: text(member(member(body, 'failure'), 'code')) ?? reason ?? '',
    message: text(member(member(body, 'failure'), 'message')) ?? '',
  });
  if (kind !== 'completed') return;
  build.nvr = text(member(told, 'nvr'));
  build.version = text(member(told, 'version'));
  build.release = text(member(told, 'release'));
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value ? (value as Record<string, unknown>)[name] : null;
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
