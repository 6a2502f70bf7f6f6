import { type BuildKind, buildId } from '../../kernel/ids.js';
import type { Build, Cause } from '../../messages/index.js';
import type { Candidate } from './builds.js';

/** Why and how a candidate is built. */
export interface Request {
  readonly kind: BuildKind;
  readonly cause: Cause;
  /** Given for an isolated build, else null: computed by the builder. */
  readonly release: string | null;
}

/** A candidate as messages carry it, first attempt. Version and NVR are not known before the source is read. */
export function buildOf(candidate: Candidate, { kind, cause, release }: Request): Build {
  const { component, target, repository, ref, commit, path, buildArgs } = candidate;
  return {
    id: buildId({ component, target, commit, kind, buildArgs, causeKey: cause.key }),
    component,
    target,
    kind,
    name: null,
    version: null,
    release,
    nvr: null,
    source: { repository: repository.url, namespace: repository.namespace, branch: ref, commit, path },
    cause,
    build_args: { ...buildArgs },
    attempt: 1,
  };
}

/** The cause of a push's build. Its key is empty, so that a commit seen twice or by two paths is one build. */
export function pushCause(message: string, agent: string | null): Cause {
  return {
    type: 'push',
    key: '',
    message: message.length <= 255 ? message : null,
    wave: null,
    agent,
    reason: null,
    parents: null,
  };
}
