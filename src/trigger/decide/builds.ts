import { isTagRef } from '../../kernel/git-ref.js';
import { globMatches } from '../../kernel/glob.js';
import { err, ok, type Result } from '../../kernel/result.js';
import type { TriggerSettings, TriggerTarget } from '../settings.js';
import type { Push, Refusal } from './push.js';
import { isComponent, isLimited, isTouched, type Part, partsOf, type Repository, repositoryOf } from './sources.js';

/** One image that a push would have built, for one target. */
export interface Candidate {
  readonly component: string;
  readonly target: string;
  readonly repository: Repository;
  readonly ref: string;
  readonly commit: string;
  readonly path: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** The pattern of the target's `refs` that took the ref. */
  readonly pattern: string;
}

export interface NotBuilt {
  readonly candidate: Candidate;
  readonly refusal: Refusal;
}

/** What a push leads to. `refusal` is set when the push as a whole leads to nothing. */
export interface Decision {
  readonly builds: readonly Candidate[];
  /** Images of ours that the push could have built, and why it does not. */
  readonly notBuilt: readonly NotBuilt[];
  readonly refusal: Refusal | null;
}

/** What git is to be asked for before a push can be decided. */
export interface PathsQuestion {
  readonly url: string;
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

/**
 * The question of changed paths, when a decision hangs on it and the message does not answer: some image depends on a
 * part of the repository only, and the message's list is missing or cut. Null when there is nothing to ask.
 */
export function pathsQuestion(push: Push, settings: TriggerSettings): PathsQuestion | null {
  if (push.paths !== null || push.before === null || push.created === true) return null;
  const place = placeOf(push, settings);
  if (!place.ok || !place.value.parts.some(isLimited)) return null;
  if (!place.value.targets.some(({ target }) => !target.closed)) return null;
  const { repository, ref, commit } = place.value;
  return { url: repository.url, ref, before: push.before, after: commit };
}

/** What a push leads to. `changed`: the complete list of changed paths; null where nobody knows it, then all is built. */
export function decideBuilds(push: Push, settings: TriggerSettings, changed: readonly string[] | null): Decision {
  const place = placeOf(push, settings);
  if (!place.ok) return { builds: [], notBuilt: [], refusal: place.error };
  const builds: Candidate[] = [];
  const notBuilt: NotBuilt[] = [];
  const { repository, ref, commit, targets, parts } = place.value;
  for (const { target, pattern } of targets) {
    for (const part of parts) {
      const { component, path, buildArgs } = part;
      const candidate = { component, target: target.name, repository, ref, commit, path, buildArgs, pattern };
      const refusal = whyNot(push, target, part, changed);
      if (refusal === null) builds.push(candidate);
      else notBuilt.push({ candidate, refusal });
    }
  }
  return { builds, notBuilt, refusal: null };
}

interface Place {
  readonly repository: Repository;
  readonly ref: string;
  readonly commit: string;
  readonly targets: readonly { readonly target: TriggerTarget; readonly pattern: string }[];
  readonly parts: readonly Part[];
}

/** Where a push belongs, or why nowhere. A stranger's push is a stranger's, whatever else is wrong with it. */
function placeOf(push: Push, settings: TriggerSettings): Result<Place, Refusal> {
  const repository = repositoryOf(push, settings.sources);
  if (repository === null) {
    return err({ code: 'stranger', reason: `no rule of \`sources\` takes the repository ${nameOf(push)}` });
  }
  if (!push.ref.ok) return push.ref;
  if (!push.commit.ok) return push.commit;
  const ref = push.ref.value;
  const targets = targetsOf(ref, settings.targets);
  if (targets.length === 0) {
    return err({
      code: 'no_target',
      reason: `no target has ${isTagRef(ref) ? 'the tag' : 'the branch'} ${ref} in its \`refs\``,
    });
  }
  const parts = partsOf(repository, settings);
  const unfit = parts.find(({ component }) => !isComponent(component));
  if (unfit !== undefined) {
    return err({
      code: 'component_invalid',
      reason: `“${unfit.component}” can’t name an image (lower case, digits, . _ - and /); name the component of ${nameOf(push)} in \`components\``,
    });
  }
  return ok({ repository, ref, commit: push.commit.value, targets, parts });
}

/** The targets that take a ref, each with the pattern that took it. A pattern takes tags only when it begins with `tags/`. */
export function targetsOf(
  ref: string,
  targets: readonly TriggerTarget[],
): readonly { readonly target: TriggerTarget; readonly pattern: string }[] {
  return targets.flatMap((target) => {
    const pattern = target.refs.find((known) => isTagRef(known) === isTagRef(ref) && globMatches(known, ref));
    return pattern === undefined ? [] : [{ target, pattern }];
  });
}

function whyNot(push: Push, target: TriggerTarget, part: Part, changed: readonly string[] | null): Refusal | null {
  if (target.closed) {
    return {
      code: 'target_closed',
      reason: `the target ${target.name} is closed; \`layerwright build ${part.component} --target ${target.name}\` builds it all the same`,
    };
  }
  const fresh = push.created === true;
  const isBranch = push.ref.ok && !isTagRef(push.ref.value);
  if (fresh && isBranch && target.onBranchCreate === 'skip') {
    return {
      code: 'branch_created_skip',
      reason: `the branch is new, and the target ${target.name} has \`on_branch_create: skip\`: its next commit is built`,
    };
  }
  // A new branch or tag has no image yet, so every part of it is built.
  if (fresh || changed === null || isTouched(part, changed)) return null;
  const where = part.watch.length > 0 ? part.watch.join(', ') : `${part.path}/`;
  return {
    code: 'paths_unchanged',
    reason: `none of the ${changed.length} changed paths is one that ${part.component} is made of (${where})`,
  };
}

function nameOf({ host, namespace, repo }: Push): string {
  const name = namespace === null ? repo : `${namespace}/${repo}`;
  return host === null ? name : `${name} of ${host}`;
}
