import { globMatches } from '../../kernel/glob.js';
import { isRepository } from '../../kernel/image-ref.js';
import type { ComponentRule, SourceRule, TriggerSettings } from '../settings.js';
import type { Push } from './push.js';

/** A repository of ours: which rule takes it, and where it is cloned. */
export interface Repository {
  /** Index of the rule in `sources`. */
  readonly rule: number;
  readonly namespace: string | null;
  readonly repo: string;
  readonly url: string;
}

/** One image that a repository holds. */
export interface Part {
  readonly component: string;
  readonly path: string;
  readonly watch: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
}

/** The first rule that takes a repository, or null: a stranger's. */
export function repositoryOf(
  from: Pick<Push, 'host' | 'namespace' | 'repo' | 'fork'>,
  sources: readonly SourceRule[],
): Repository | null {
  for (const [rule, source] of sources.entries()) {
    if (!ruleTakes(source, from)) continue;
    return { rule, namespace: from.namespace, repo: from.repo, url: fill(source.clone, from) };
  }
  return null;
}

function ruleTakes({ match, clone }: SourceRule, from: Pick<Push, 'host' | 'namespace' | 'repo' | 'fork'>): boolean {
  if (match.repo !== undefined && !globMatches(match.repo, from.repo)) return false;
  if (match.host !== undefined && (from.host === null || !globMatches(match.host, from.host))) return false;
  if (match.namespace === undefined) {
    // Without a namespace anyone's fork would pass for its parent.
    return !from.fork && (from.namespace !== null || !clone.includes('{namespace}'));
  }
  return from.namespace !== null && globMatches(match.namespace, from.namespace);
}

/** Puts a repository's names into a template. They were checked when they were read: nothing in them needs escaping. */
export function fill(template: string, names: { readonly namespace: string | null; readonly repo: string }): string {
  return template.replaceAll('{namespace}', names.namespace ?? '').replaceAll('{repo}', names.repo);
}

/** The images that a repository holds: those of `components` that name it, else the one that its rule names. */
export function partsOf(repository: Repository, settings: TriggerSettings): readonly Part[] {
  const fullName = repository.namespace === null ? repository.repo : `${repository.namespace}/${repository.repo}`;
  const named = settings.components.filter(({ repository: name }) => name === fullName || name === repository.repo);
  if (named.length > 0) return named.map(partOf);
  const rule = settings.sources[repository.rule];
  const component = rule === undefined ? '' : fill(rule.component, repository);
  const exception = settings.components.find((known) => known.repository === null && known.component === component);
  return [exception === undefined ? { component, path: '', watch: [], buildArgs: {} } : partOf(exception)];
}

function partOf({ component, path, watch, buildArgs }: ComponentRule): Part {
  return { component, path, watch, buildArgs };
}

/** Longest component name that messages carry. */
const MAX_COMPONENT = 200;

/** True for a name that messages and registries take. */
export function isComponent(name: string): boolean {
  return name.length <= MAX_COMPONENT && isRepository(name);
}

/** True when only some paths of the repository matter to this image. */
export function isLimited({ path, watch }: Part): boolean {
  return path !== '' || watch.length > 0;
}

/** True when one of the changed paths matters to this image. */
export function isTouched(part: Part, changed: readonly string[]): boolean {
  if (!isLimited(part)) return true;
  if (part.watch.length === 0) return changed.some((path) => path.startsWith(`${part.path}/`) || path === part.path);
  return changed.some((path) => part.watch.some((glob) => globMatches(glob, path)));
}
