/** Pushes as forges tell them by webhook: bare, or wrapped in `{ body, headers, agent }` as webhook-to-fedora-messaging does. */
import { isJsonObject, type JsonObject } from '../../kernel/json.js';
import { err, ok, type Result } from '../../kernel/result.js';
import {
  flagAt,
  hostOf,
  isNamespace,
  isRepoName,
  listAt,
  numberAt,
  objectAt,
  readAgent,
  readBefore,
  readCommit,
  readRef,
  textAt,
} from './fields.js';
import type { Push, Refusal } from './push.js';

/** GitHub lists at most this many commits, and does not say how many there were. */
const GITHUB_COMMITS = 20;
/** Files of one commit that the forges list at most; a list this long may be cut. */
const COMMIT_FILES = 3000;

/** https://docs.github.com/en/webhooks/webhook-events-and-payloads#push, and github2fedmsg's older shape of it. */
export function githubPush(wrapped: JsonObject): Result<Push, Refusal> {
  const { body, agent } = unwrapHook(wrapped);
  const repository = objectAt(body, 'repository');
  const owner = objectAt(repository, 'owner');
  const commits = listAt(body, 'commits');
  return hookPush({
    kind: 'github',
    body,
    fullName:
      textAt(repository, 'full_name') ??
      joined(textAt(owner, 'login') ?? textAt(owner, 'name'), textAt(repository, 'name')),
    url: textAt(repository, 'html_url') ?? textAt(repository, 'clone_url') ?? textAt(repository, 'url'),
    commits,
    cut: commits === null || commits.length >= GITHUB_COMMITS || flagAt(body, 'forced') === true,
    peeled: textAt(objectAt(body, 'head_commit'), 'id'),
    agent: readAgent(agent, pusherOf(body)),
  });
}

/** https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events; tags come by `tag_push`. */
export function gitlabPush(wrapped: JsonObject): Result<Push, Refusal> {
  const { body, agent } = unwrapHook(wrapped);
  const project = objectAt(body, 'project');
  const commits = listAt(body, 'commits');
  return hookPush({
    kind: 'gitlab',
    body,
    fullName: textAt(project, 'path_with_namespace'),
    url: textAt(project, 'web_url') ?? textAt(project, 'http_url') ?? textAt(project, 'homepage'),
    commits,
    cut: commits === null || (numberAt(body, 'total_commits_count') ?? commits.length + 1) > commits.length,
    peeled: textAt(body, 'checkout_sha'),
    agent: readAgent(agent, textAt(body, 'user_username'), textAt(body, 'user_name')),
  });
}

/** https://forgejo.org/docs/latest/user/webhooks/; Gitea's is the same. */
export function forgejoPush(wrapped: JsonObject): Result<Push, Refusal> {
  const { body, agent } = unwrapHook(wrapped);
  const repository = objectAt(body, 'repository');
  const commits = listAt(body, 'commits');
  return hookPush({
    kind: 'forgejo',
    body,
    fullName: textAt(repository, 'full_name'),
    url: textAt(repository, 'html_url') ?? textAt(repository, 'clone_url'),
    commits,
    cut: commits === null || (numberAt(body, 'total_commits') ?? commits.length + 1) > commits.length,
    peeled: textAt(objectAt(body, 'head_commit'), 'id'),
    agent: readAgent(agent, pusherOf(body)),
  });
}

interface HookParts {
  readonly kind: Push['kind'];
  readonly body: JsonObject;
  readonly fullName: string | null;
  readonly url: string | null;
  readonly commits: readonly unknown[] | null;
  /** True when the list of commits is, or may be, shorter than the push. */
  readonly cut: boolean;
  /** The commit that an annotated tag stands for; `after` is the tag's own object then. */
  readonly peeled: string | null;
  readonly agent: string | null;
}

function hookPush(parts: HookParts): Result<Push, Refusal> {
  const { body, fullName } = parts;
  if (fullName === null) return err({ code: 'push_invalid', reason: 'the body does not name the repository' });
  const slash = fullName.lastIndexOf('/');
  const repo = fullName.slice(slash + 1);
  const namespace = slash === -1 ? null : fullName.slice(0, slash);
  if (!isRepoName(repo) || (namespace !== null && !isNamespace(namespace))) {
    return err({ code: 'push_invalid', reason: `${JSON.stringify(fullName.slice(0, 80))} is no name of a repository` });
  }
  const ref = readRef(textAt(body, 'ref'));
  const after = readCommit(textAt(body, 'after'), '`after`');
  const isTag = ref.ok && ref.value.startsWith('tags/');
  const { before, created } = readBefore(textAt(body, 'before'));
  return ok({
    kind: parts.kind,
    host: hostOf(parts.url),
    namespace,
    repo,
    fork: false,
    ref,
    commit: isTag && after.ok && parts.peeled !== null ? readCommit(parts.peeled, 'the tag’s commit') : after,
    before,
    created: flagAt(body, 'created') ?? created,
    paths: parts.cut ? null : pathsOf(parts.commits ?? []),
    agent: parts.agent,
    missing: parts.commits === null ? ['commits'] : [],
  });
}

/** All paths that some commits name. Null when there are no commits (a ref set back, say), or one has no or a full list. */
function pathsOf(commits: readonly unknown[]): readonly string[] | null {
  if (commits.length === 0) return null;
  const paths = new Set<string>();
  for (const commit of commits) {
    if (!isJsonObject(commit)) return null;
    let files = 0;
    for (const key of ['added', 'modified', 'removed']) {
      const list = listAt(commit, key);
      if (list === null) return null;
      files += list.length;
      for (const path of list) if (typeof path === 'string') paths.add(path);
    }
    if (files >= COMMIT_FILES) return null;
  }
  return [...paths];
}

/** Takes the wrapping off; `agent` is the account that the wrapper found for the pusher. */
function unwrapHook(wrapped: JsonObject): { readonly body: JsonObject; readonly agent: string | null } {
  const inner = objectAt(wrapped, 'body');
  return inner === null ? { body: wrapped, agent: null } : { body: inner, agent: textAt(wrapped, 'agent') };
}

function pusherOf(body: JsonObject): string | null {
  const pusher = objectAt(body, 'pusher');
  const sender = objectAt(body, 'sender');
  return textAt(pusher, 'username') ?? textAt(pusher, 'login') ?? textAt(pusher, 'name') ?? textAt(sender, 'login');
}

function joined(namespace: string | null, name: string | null): string | null {
  if (name === null) return null;
  return namespace === null ? name : `${namespace}/${name}`;
}
