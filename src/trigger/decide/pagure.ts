import { isJsonObject, type JsonObject } from '../../kernel/json.js';
import { err, ok, type Result } from '../../kernel/result.js';
import { pathsOfStats } from './dist-git.js';
import {
  at,
  hostOf,
  isNamespace,
  isRepoName,
  objectAt,
  readAgent,
  readBefore,
  readCommit,
  readRef,
  textAt,
} from './fields.js';
import type { Push, Refusal } from './push.js';

/** True for a body that has Pagure's shape, whatever its topic. */
export function isPagures(body: JsonObject): boolean {
  return objectAt(body, 'repo') !== null || objectAt(objectAt(body, 'commit'), 'repo') !== null;
}

/** A push on Pagure: since 2016 `start_commit` and `end_commit` of a whole push, before that one `commit` a message. */
export function pagurePush(body: JsonObject): Result<Push, Refusal> {
  const commit = objectAt(body, 'commit');
  const place = placeOf(commit ?? body);
  if (!place.ok) return place;
  if (commit !== null) {
    return ok({
      kind: 'pagure',
      ...place.value,
      ref: readRef(textAt(commit, 'branch')),
      commit: readCommit(textAt(commit, 'rev'), '`commit.rev`'),
      before: null,
      created: null,
      paths: pathsOfStats(objectAt(commit, 'stats')),
      // `agent` was the account of the git server then.
      agent: readAgent(textAt(commit, 'username'), textAt(commit, 'agent')),
      missing: ['the commit before'],
    });
  }
  const { before, created } = readBefore(textAt(body, 'old_commit'));
  return ok({
    kind: 'pagure',
    ...place.value,
    ref: readRef(textAt(body, 'branch')),
    commit: readCommit(textAt(body, 'end_commit'), '`end_commit`'),
    before,
    created,
    paths: null,
    agent: readAgent(textAt(body, 'agent')),
    missing: textAt(body, 'old_commit') === null ? ['old_commit', 'paths'] : ['paths'],
  });
}

/** A tag on Pagure: a topic of its own, `tag` and `rev`. */
export function pagureTag(body: JsonObject): Result<Push, Refusal> {
  const place = placeOf(body);
  if (!place.ok) return place;
  const tag = textAt(body, 'tag');
  return ok({
    kind: 'pagure_tag',
    ...place.value,
    ref: readRef(tag === null ? null : tag.startsWith('refs/tags/') ? tag : `refs/tags/${tag}`),
    commit: readCommit(textAt(body, 'rev'), '`rev`'),
    before: null,
    created: true,
    paths: null,
    agent: readAgent(textAt(body, 'agent')),
    missing: ['paths'],
  });
}

type Place = Pick<Push, 'host' | 'namespace' | 'repo' | 'fork'>;

/** Where the push went. A fork keeps its parent's name and namespace, so the user who owns it is put before them. */
function placeOf(from: JsonObject): Result<Place, Refusal> {
  const repo = objectAt(from, 'repo');
  const name = textAt(repo, 'name') ?? textAt(from, 'repo');
  if (name === null) return err({ code: 'push_invalid', reason: 'the body has no `repo.name`' });
  if (!isRepoName(name))
    return err({ code: 'push_invalid', reason: `${JSON.stringify(name.slice(0, 80))} is no name of a repository` });
  const inside = textAt(repo, 'namespace');
  const fork = isJsonObject(at(repo, 'parent')) || textAt(repo, 'fullname')?.startsWith('forks/') === true;
  const owner = textAt(objectAt(repo, 'user'), 'name') ?? 'unknown';
  const namespace = fork ? ['forks', owner, ...(inside === null ? [] : [inside])].join('/') : inside;
  if (namespace !== null && !isNamespace(namespace)) {
    return err({ code: 'push_invalid', reason: `${JSON.stringify(namespace.slice(0, 80))} is no namespace` });
  }
  return ok({ host: hostOf(textAt(repo, 'full_url')), namespace, repo: name, fork });
}
