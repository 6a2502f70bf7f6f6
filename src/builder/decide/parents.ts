import { type Failure, failure } from '../../kernel/failure.js';
import { type ImageRef, parseImageRef } from '../../kernel/image-ref.js';
import { err, ok, type Result } from '../../kernel/result.js';
import type { BuilderTarget } from '../settings.js';

const STEP = 'inspect';
const PATH = '{path}';

/** A registry of the configuration. `host` is the client's, `engineHost` how the engine reaches the same registry. */
export interface KnownRegistry {
  readonly name: string;
  readonly host: string;
  readonly engineHost: string;
}

/** Where a parent is looked up. */
export interface ParentName {
  readonly registryName: string;
  readonly repository: string;
  /** A tag, or a digest where the Dockerfile gave one. */
  readonly reference: string;
  /** The whole name that was looked up, as `127.0.0.1:5000/f41/base:1`. */
  readonly lookedUpAs: string;
  /** The name without tag or digest as the engine pulls it. */
  readonly engineName: string;
}

type ParentRules = BuilderTarget['parents'];

/**
 * Decides where a parent is looked up: the first rewrite that fits, then the allow list. The list is held against the
 * name as written and as looked up; either is enough, since a rewrite is the operator's own word. `scratch` is no
 * parent and not asked for here. Refusals: `dockerfile_invalid`, `parent_not_allowed`, `config_invalid`.
 */
export function resolveParentName(
  written: string,
  rules: ParentRules,
  registries: readonly KnownRegistry[],
): Result<ParentName, Failure> {
  const parsed = parseImageRef(written);
  if (!parsed.ok) return err(failure('dockerfile_invalid', STEP, `The parent cannot be read: ${parsed.error}.`));
  const wanted = rewritten(parsed.value, written, rules, registries);
  if (!wanted.ok) return wanted;
  const { place, ref } = wanted.value;
  const names = [nameOf(parsed.value), `${dockerHost(place?.host ?? ref.registry)}/${ref.repository}`];
  if (place !== null) names.push(`${place.name}/${ref.repository}`);
  if (!rules.allow.some((allowed) => names.some((name) => begins(name, allowed))))
    return err(failure('parent_not_allowed', STEP, notAllowed(written, rules.allow)));
  if (place === null)
    return err(
      failure(
        'config_invalid',
        STEP,
        `The parent ${written} is allowed, but no registry with the host ${ref.registry} is configured. Add it under registries.`,
      ),
    );
  const reference = ref.digest ?? ref.tag ?? 'latest';
  const separator = ref.digest === null ? ':' : '@';
  return ok({
    registryName: place.name,
    repository: ref.repository,
    reference,
    lookedUpAs: `${place.host}/${ref.repository}${separator}${reference}`,
    engineName: `${place.engineHost}/${ref.repository}`,
  });
}

/** What a pinned reference looks like in the Dockerfile that the engine gets. */
export function pinnedReference(parent: Pick<ParentName, 'engineName'>, digest: string): string {
  return `${parent.engineName}@${digest}`;
}

/** What becomes of a build whose parents are not all there. */
export type MissingParents =
  | {
      readonly kind: 'wait';
      readonly code: 'waiting_for';
      readonly message: string;
      readonly waitingFor: readonly string[];
    }
  | { readonly kind: 'fail'; readonly failure: Failure };

export interface MissingParent extends ParentName {
  readonly written: string;
}

/**
 * Decides between `build.skipped` and `parent_missing`. A build waits only when each missing parent is the image of
 * another component of its own target, which will come; `waitingFor` has those components, sorted.
 */
export function whenParentMissing(
  missing: readonly MissingParent[],
  own: { readonly component: string; readonly target: Pick<BuilderTarget, 'repository' | 'candidate' | 'name'> },
  isComponent: (name: string) => boolean,
): MissingParents {
  const waitingFor = new Set<string>();
  for (const parent of missing) {
    const component = componentOf(parent, own.target);
    const willCome = component !== null && component !== own.component && isComponent(component);
    if (!willCome || parent.reference.startsWith('sha256:'))
      return { kind: 'fail', failure: failure('parent_missing', STEP, missingSentence(parent)) };
    waitingFor.add(component);
  }
  const names = [...waitingFor].sort();
  return {
    kind: 'wait',
    code: 'waiting_for',
    message: `Not begun: ${names.join(', ')} must be built for ${own.target.name} first.`,
    waitingFor: names,
  };
}

/** The component whose images live where this parent was looked up; null when the place is not the target's. */
export function componentOf(
  parent: Pick<ParentName, 'registryName' | 'repository'>,
  target: Pick<BuilderTarget, 'repository' | 'candidate'>,
): string | null {
  if (parent.registryName !== target.candidate) return null;
  const [before = '', after] = target.repository.split('{component}');
  if (after === undefined) return null;
  if (!parent.repository.startsWith(before) || !parent.repository.endsWith(after)) return null;
  const name = parent.repository.slice(before.length, parent.repository.length - after.length);
  return name.length > 0 && before.length + after.length < parent.repository.length ? name : null;
}

function missingSentence(parent: MissingParent): string {
  const place = parent.lookedUpAs === parent.written ? '' : ` (looked up as ${parent.lookedUpAs})`;
  return `The parent image ${parent.written}${place} is not in the registry ${parent.registryName}.`;
}

function notAllowed(written: string, allow: readonly string[]): string {
  const list = allow.length === 0 ? 'This target allows no parents but scratch' : `Allowed are ${allow.join(', ')}`;
  return `The parent ${written} is not from an allowed registry. ${list}.`;
}

interface Place {
  readonly place: KnownRegistry | null;
  readonly ref: ImageRef;
}

function rewritten(
  ref: ImageRef,
  written: string,
  rules: ParentRules,
  registries: readonly KnownRegistry[],
): Result<Place, Failure> {
  for (const rule of rules.rewrite) {
    const path = match(ref, rule.from);
    if (path === null) continue;
    const to = rule.to.replaceAll(PATH, path);
    const slash = to.indexOf('/');
    const byName = registries.find(({ name }) => slash > 0 && name === to.slice(0, slash));
    // A registry's name need not look like a host, so a host stands in for it while the reference is read.
    const parsed = parseImageRef(byName === undefined ? to : `${byName.host}${to.slice(slash)}`);
    if (!parsed.ok)
      return err(
        failure(
          'config_invalid',
          STEP,
          `The rewrite of ${rule.from} makes no image name of ${written}: ${parsed.error}.`,
        ),
      );
    const own = hasReference(to);
    const target = own ? parsed.value : { ...parsed.value, tag: ref.tag, digest: ref.digest };
    return ok({ place: byName ?? byHost(target.registry, registries), ref: target });
  }
  return ok({ place: byHost(ref.registry, registries), ref });
}

/** What `{path}` stands for when the rule fits, an empty text when the rule has none, null when it does not fit. */
function match(ref: ImageRef, from: string): string | null {
  const at = from.indexOf(PATH);
  if (at === -1) {
    const literal = parseImageRef(from);
    if (!literal.ok || nameOf(literal.value) !== nameOf(ref)) return null;
    const same = literal.value.tag === ref.tag && literal.value.digest === ref.digest;
    return !hasReference(from) || same ? '' : null;
  }
  const before = from.slice(0, at);
  const after = from.slice(at + PATH.length);
  const slash = before.indexOf('/');
  const host = slash === -1 ? before : before.slice(0, slash);
  const start = `${dockerHost(host)}${slash === -1 ? '' : before.slice(slash)}`;
  const name = nameOf(ref);
  if (name.length <= start.length + after.length) return null;
  return name.startsWith(start) && name.endsWith(after) ? name.slice(start.length, name.length - after.length) : null;
}

/** True when the text itself has a tag or a digest. */
function hasReference(text: string): boolean {
  return text.includes('@') || text.lastIndexOf(':') > text.lastIndexOf('/');
}

function byHost(host: string, registries: readonly KnownRegistry[]): KnownRegistry | null {
  const wanted = dockerHost(host);
  return registries.find((registry) => dockerHost(registry.host) === wanted) ?? null;
}

function nameOf(ref: ImageRef): string {
  return `${dockerHost(ref.registry)}/${ref.repository}`;
}

/** Docker Hub has three names. */
function dockerHost(host: string): string {
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

/** True when `name` is `beginning` or lies below it; a beginning ends only where a path segment ends. */
function begins(name: string, beginning: string): boolean {
  const trimmed = beginning.endsWith('/') ? beginning.slice(0, -1) : beginning;
  const slash = trimmed.indexOf('/');
  const host = slash === -1 ? trimmed : trimmed.slice(0, slash);
  const wanted = `${dockerHost(host)}${slash === -1 ? '' : trimmed.slice(slash)}`;
  return wanted.length > 0 && (name === wanted || name.startsWith(`${wanted}/`));
}
