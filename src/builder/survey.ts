/** Step 5: the source, and what its Dockerfile says. */
import type { FetchedRef, TreeEntry } from '../git/index.js';
import { failure } from '../kernel/failure.js';
import { LIMITS } from '../kernel/limits.js';
import type { Build } from '../messages/index.js';
import { decodeDockerfile, inspectDockerfile } from './decide/dockerfile.js';
import type { DockerfileFacts } from './decide/facts.js';
import { ignoreFilter, refuseIgnore } from './decide/ignore.js';
import { CLASSIC_FRONTEND, refuseFacts, refusePlatform } from './decide/policy.js';
import { ENGINE_IGNORE_FILES, type SentDockerfile, sentDockerfile } from './decide/sent-dockerfile.js';
import { inspectTree, isLfsPointer, lfsCandidates, refusePath, refuseSource } from './decide/source.js';
import { BuildFailed, type Place, unwrap } from './job.js';
import type { BuilderParts } from './parts.js';

/** What a survey depends on beside the source. */
export interface SurveyInput extends Pick<Place, 'build' | 'target'> {
  /** What the engine builds for, as `linux/amd64`. */
  readonly platform: string;
}

/** What the source says, before anything outside it is asked. */
export interface Survey {
  readonly fetched: FetchedRef;
  readonly facts: DockerfileFacts;
  readonly dockerfile: string;
  /** Where the engine finds the prepared one. */
  readonly sent: SentDockerfile;
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
  const known = ignoreFile === null || ignored === null ? [] : ([[ignoreFile, ignored]] as const);
  const ignoreTexts = await readIgnoreFiles(fetched, build, entries, { keep, known: new Map(known) });
  const sent = sentDockerfile({ dockerfile, entries, keep, ignoreTexts });
  return { fetched, facts, dockerfile, sent, text, keep, commitCount, committedAt };
}

/** Fetches the source and surveys it. Throws as `survey`. */
export async function surveyAnew(
  { git }: Pick<BuilderParts, 'git'>,
  input: SurveyInput & { readonly signal: AbortSignal },
): Promise<Survey> {
  const { repository, branch } = input.build.source;
  return survey(input, await git.fetch({ url: repository, ref: branch }, input.signal));
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

/** What the engines themselves read of the context, by path. `known`: what was read already. */
async function readIgnoreFiles(
  fetched: FetchedRef,
  { source }: Build,
  entries: readonly TreeEntry[],
  { keep, known }: Pick<Survey, 'keep'> & { readonly known: ReadonlyMap<string, string> },
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for (const { path, kind } of entries) {
    if (kind !== 'file' || !ENGINE_IGNORE_FILES.includes(path) || !keep(path)) continue;
    const text = known.get(path) ?? (await readBytes(fetched, source.commit, join(source.path, path))).toString('utf8');
    texts.set(path, text);
  }
  return texts;
}

async function readBytes(fetched: FetchedRef, commit: string, path: string): Promise<Buffer> {
  return (await fetched.readFile(commit, path, LIMITS.dockerfileBytes)) ?? Buffer.alloc(0);
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
