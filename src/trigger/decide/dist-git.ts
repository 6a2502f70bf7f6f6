import type { JsonObject } from '../../kernel/json.js';
import { err, ok, type Result } from '../../kernel/result.js';
import { withoutEnd } from '../../kernel/text.js';
import {
  flagAt,
  hostOf,
  isNamespace,
  isRepoName,
  numberAt,
  objectAt,
  readAgent,
  readBefore,
  readCommit,
  readRef,
  textAt,
} from './fields.js';
import type { Push, Refusal } from './push.js';

/**
 * A push as the receive hooks of dist-git tell it, all generations: one message for each commit, `commit` with `repo`,
 * `branch`, `rev`, later `namespace`, `path`, `agent`, `stats`. Older ones put the repository and branch into the topic
 * as well; the body has them all the same.
 */
export function distGitPush(body: JsonObject): Result<Push, Refusal> {
  const commit = objectAt(body, 'commit');
  if (commit === null) return err({ code: 'push_invalid', reason: 'the body has no object `commit`' });
  const path = textAt(commit, 'path');
  const named = textAt(commit, 'repo');
  const repo = named ?? lastSegment(path);
  if (repo === null)
    return err({ code: 'push_invalid', reason: 'the body has no `commit.repo`, and no path to take it from' });
  if (!isRepoName(repo)) return err({ code: 'push_invalid', reason: `${shown(repo)} is no name of a repository` });
  const namespace = textAt(commit, 'namespace');
  if (namespace !== null && !isNamespace(namespace)) {
    return err({ code: 'push_invalid', reason: `${shown(namespace)} is no namespace` });
  }
  const { before, created } = readBefore(textAt(commit, 'before') ?? textAt(body, 'before'));
  return ok({
    kind: 'dist_git',
    host: hostOf(textAt(commit, 'url')),
    namespace,
    repo,
    fork: false,
    ref: readRef(textAt(commit, 'branch')),
    commit: readCommit(textAt(commit, 'rev'), '`commit.rev`'),
    before,
    created: flagAt(commit, 'created') ?? created,
    paths: pathsOfStats(objectAt(commit, 'stats')),
    agent: readAgent(textAt(body, 'agent'), textAt(commit, 'agent'), textAt(commit, 'username')),
    missing: [
      ...(named === null ? ['commit.repo'] : []),
      ...(namespace === null ? ['commit.namespace'] : []),
      ...(objectAt(commit, 'stats') === null ? ['commit.stats'] : []),
    ],
  });
}

/**
 * The files of a commit's statistics. Null when there are none (the hooks leave the first commit's empty) or fewer than
 * `total.files` counts.
 */
export function pathsOfStats(stats: JsonObject | null): readonly string[] | null {
  const files = objectAt(stats, 'files');
  if (files === null) return null;
  const paths = Object.keys(files);
  const total = numberAt(objectAt(stats, 'total'), 'files');
  if (paths.length === 0) return total === 0 ? [] : null;
  // Some hooks write 1 for any number, so only a larger total tells of a cut.
  return total !== null && total > paths.length ? null : paths;
}

/** The name of a bare repository's folder. */
export function lastSegment(path: string | null): string | null {
  if (path === null) return null;
  return (
    withoutEnd(path, /\//)
      .split('/')
      .at(-1)
      ?.replace(/\.git$/, '') || null
  );
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
