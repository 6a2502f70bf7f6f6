import { globMatches } from '../../kernel/glob.js';
import { err, ok, type Result } from '../../kernel/result.js';
import type { SourceRule, TriggerSettings } from '../settings.js';
import { hostOf, isNamespace, isRepoName } from './fields.js';
import { fill, type Part, partsOf, type Repository, repositoryOf } from './sources.js';

export interface FoundRepository {
  readonly repository: Repository;
  /** The forge's host that the rule asks for, so that the rule takes it again; null where it asks for none. */
  readonly host: string | null;
}

/** The repository that a person means: `namespace/repo`, `repo`, or a clone URL as a rule makes it. */
export function findRepository(settings: TriggerSettings, text: string): Result<FoundRepository, string> {
  for (const [rule, source] of settings.sources.entries()) {
    const names = isUrl(text) ? namesInUrl(source.clone, text) : namesIn(text);
    if (names === null) continue;
    const filled = { ...names, namespace: names.namespace ?? onlyNamespace(source) };
    const host = source.match.host ?? null;
    // A rule may ask for a host by a pattern; what it takes is then any host that fits.
    const asked = { ...filled, fork: false, host: host?.replaceAll('*', 'any') ?? hostOf(source.clone) };
    const repository = repositoryOf(asked, [source]);
    if (repository !== null) return ok({ repository: { ...repository, rule }, host: asked.host });
  }
  return err(`no rule of \`sources\` takes the repository ${JSON.stringify(text.slice(0, 200))}`);
}

/** The images that a person means: those of a repository, or the one component of this name. */
export function findParts(
  settings: TriggerSettings,
  what: string,
): Result<{ readonly repository: Repository; readonly parts: readonly Part[] }, string> {
  const rule = settings.components.find(({ component }) => component === what);
  if (rule !== undefined && rule.repository !== null) {
    const found = findRepository(settings, rule.repository);
    if (!found.ok) return found;
    const parts = partsOf(found.value.repository, settings).filter(({ component }) => component === what);
    return ok({ repository: found.value.repository, parts });
  }
  const byName = isUrl(what) ? null : repositoryOfComponent(settings, what);
  if (byName !== null) return ok({ repository: byName, parts: partsOf(byName, settings) });
  const found = findRepository(settings, what);
  if (found.ok) return ok({ repository: found.value.repository, parts: partsOf(found.value.repository, settings) });
  return err(`${JSON.stringify(what.slice(0, 200))} is neither a component nor a repository of \`sources\``);
}

/** The repository whose rule gives a component its name: the rule's template read backwards. */
function repositoryOfComponent(settings: TriggerSettings, component: string): Repository | null {
  for (const [rule, source] of settings.sources.entries()) {
    const names = readBackwards(source.component, component);
    const repo = names?.get('repo') ?? onlyName(source.match.repo);
    const namespace = names?.get('namespace') ?? onlyNamespace(source);
    if (names === null || repo === null || !isRepoName(repo)) continue;
    if (source.clone.includes('{namespace}') && namespace === null) continue;
    if (source.match.repo !== undefined && !globMatches(source.match.repo, repo)) continue;
    if (namespace !== null && source.match.namespace !== undefined && !globMatches(source.match.namespace, namespace))
      continue;
    const repository = { rule, namespace, repo, url: fill(source.clone, { namespace, repo }) };
    // A repository of several images is not named by one of them.
    if (partsOf(repository, settings).every((part) => part.component === component)) return repository;
  }
  return null;
}

function namesIn(text: string): { readonly namespace: string | null; readonly repo: string } | null {
  const slash = text.lastIndexOf('/');
  const repo = text.slice(slash + 1);
  const namespace = slash === -1 ? null : text.slice(0, slash);
  return isRepoName(repo) && (namespace === null || isNamespace(namespace)) ? { namespace, repo } : null;
}

function namesInUrl(
  template: string,
  url: string,
): { readonly namespace: string | null; readonly repo: string } | null {
  const names = readBackwards(template, url) ?? readBackwards(template.replace(/\.git$/, ''), url);
  const repo = names?.get('repo') ?? null;
  const namespace = names?.get('namespace') ?? null;
  if (repo === null || !isRepoName(repo) || (namespace !== null && !isNamespace(namespace))) return null;
  return { namespace, repo };
}

/** What a template's placeholders stand for in a text it made: `{repo}` is one segment, `{namespace}` one or more. */
function readBackwards(template: string, text: string): ReadonlyMap<string, string> | null {
  const seen: string[] = [];
  const source = template
    .split(/(\{namespace\}|\{repo\})/)
    .map((piece) => {
      if (piece !== '{namespace}' && piece !== '{repo}') return piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      seen.push(piece.slice(1, -1));
      return piece === '{repo}' ? '([^/]+)' : '(.+)';
    })
    .join('');
  if (text.length > 2048) return null;
  const found = new RegExp(`^${source}$`).exec(text);
  return found === null ? null : new Map(seen.map((name, index) => [name, found[index + 1] ?? '']));
}

function onlyNamespace(source: SourceRule): string | null {
  return onlyName(source.match.namespace);
}

/** A pattern that stands for one name only. */
function onlyName(pattern: string | undefined): string | null {
  return pattern === undefined || pattern.includes('*') ? null : pattern;
}

function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || text.startsWith('/') || /^[\w.-]+@[\w.-]+:/.test(text);
}
