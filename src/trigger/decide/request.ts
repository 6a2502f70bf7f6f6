/** What a person asks for on the command line, found in the configuration. Pure: the caller knows the commit and publishes. */
import { isCommit, isTagRef, shortRef } from '../../kernel/git-ref.js';
import type { BuildKind } from '../../kernel/ids.js';
import { err, ok, type Result } from '../../kernel/result.js';
import type { Build } from '../../messages/index.js';
import type { TriggerSettings } from '../settings.js';
import { buildOf } from './body.js';
import { type Candidate, type Decision, decideBuilds, targetsOf } from './builds.js';
import { findParts, findRepository } from './find.js';
import { isComponent } from './sources.js';

/** A build in all but its commit. */
export type Place = Omit<Candidate, 'commit'>;

export interface PlaceQuery {
  /** A component, `namespace/repo`, or a clone URL. */
  readonly what: string;
  /** Null: the target that has the ref, when there is only one. */
  readonly target: string | null;
  /** Branch, or `tags/…`. Null: the target's only one. */
  readonly ref: string | null;
  /** A scratch build may be of any ref, when its target is given. */
  readonly kind: BuildKind;
}

/** Finds what is to be built; several where a repository holds several images. The error is a sentence that says what to add. */
export function findPlaces(settings: TriggerSettings, query: PlaceQuery): Result<readonly Place[], string> {
  const found = findParts(settings, query.what);
  if (!found.ok) return found;
  const where = whereOf(settings, query);
  if (!where.ok) return where;
  const { repository, parts } = found.value;
  const unfit = parts.find(({ component }) => !isComponent(component));
  if (unfit !== undefined)
    return err(`“${unfit.component}” can’t name an image; name the component of ${query.what} in \`components\``);
  return ok(
    parts.map(({ component, path, buildArgs }) => ({ component, path, buildArgs, repository, ...where.value })),
  );
}

export interface PersonsRequest {
  readonly kind: BuildKind;
  /** Id of this request; makes the build another one than the push's. */
  readonly request: string;
  /** Given for an isolated build only. */
  readonly release: string | null;
  readonly agent: string | null;
  readonly reason: string | null;
}

/** The build that a person asks for. Publish it as `build.requested.v1`. */
export function requestBuild(place: Place, commit: string, asked: PersonsRequest): Result<Build, string> {
  if (!isCommit(commit))
    return err(`${JSON.stringify(commit.slice(0, 80))} is not a full commit (40 or 64 hex digits)`);
  const isolated = asked.kind === 'isolated';
  if (isolated && asked.release === null) return err('an isolated build needs a release');
  if (!isolated && asked.release !== null) return err('a release can be given to an isolated build only');
  return ok(
    buildOf(
      { ...place, commit },
      {
        kind: asked.kind,
        release: asked.release,
        cause: {
          type: 'person',
          // One release is one isolated build, however often it is asked for.
          key: asked.release ?? asked.request,
          message: null,
          wave: null,
          agent: asked.agent,
          reason: asked.reason,
          parents: null,
        },
      },
    ),
  );
}

/** What a push of `commit` to `ref` would lead to: if it touched everything, unless `changed` says what. */
export function explainPush(
  settings: TriggerSettings,
  { repository, ref, commit }: { readonly repository: string; readonly ref: string; readonly commit: string },
  { created = false, changed = null }: { readonly created?: boolean; readonly changed?: readonly string[] | null } = {},
): Result<Decision, string> {
  const found = findRepository(settings, repository);
  if (!found.ok) return found;
  const short = shortRef(ref);
  if (!short.ok) return err(short.error.reason);
  if (!isCommit(commit))
    return err(`${JSON.stringify(commit.slice(0, 80))} is not a full commit (40 or 64 hex digits)`);
  const push = {
    kind: 'dist_git' as const,
    host: found.value.host,
    namespace: found.value.repository.namespace,
    repo: found.value.repository.repo,
    fork: false,
    ref: short,
    commit: ok(commit),
    before: null,
    created,
    paths: null,
    agent: null,
    missing: [],
  };
  return ok(decideBuilds(push, settings, changed));
}

/** Target and ref of a query; each may follow from the other. */
function whereOf(
  settings: TriggerSettings,
  query: PlaceQuery,
): Result<Pick<Place, 'target' | 'ref' | 'pattern'>, string> {
  const short = query.ref === null ? null : shortRef(query.ref);
  if (short !== null && !short.ok) return err(short.error.reason);
  const ref = short?.value ?? null;
  const names = settings.targets.map(({ name }) => name).join(', ');
  if (query.target === null) {
    const taken = ref === null ? settings.targets.map((target) => ({ target })) : targetsOf(ref, settings.targets);
    const [only] = taken;
    if (only === undefined)
      return err(
        ref === null
          ? 'the configuration has no targets'
          : `no target has ${ref} in its \`refs\`; the targets are ${names}`,
      );
    if (taken.length > 1)
      return err(`several targets fit: ${taken.map(({ target }) => target.name).join(', ')}; choose one with --target`);
    return whereOf(settings, { ...query, target: only.target.name });
  }
  const target = settings.targets.find(({ name }) => name === query.target);
  if (target === undefined) return err(`there is no target ${query.target}; the targets are ${names}`);
  if (ref !== null) {
    const taken = targetsOf(ref, [target])[0];
    if (taken === undefined && query.kind !== 'scratch') {
      return err(
        `the target ${target.name} does not take ${ref} (its refs: ${target.refs.join(', ')}); a scratch build may`,
      );
    }
    return ok({ target: target.name, ref, pattern: taken?.pattern ?? ref });
  }
  const plain = target.refs.filter((pattern) => !pattern.includes('*'));
  const only = plain.length === 1 ? plain : plain.filter((pattern) => !isTagRef(pattern));
  if (only.length !== 1 || only[0] === undefined) {
    return err(`the target ${target.name} takes several refs (${target.refs.join(', ')}); choose one with --ref`);
  }
  return ok({ target: target.name, ref: only[0], pattern: only[0] });
}
