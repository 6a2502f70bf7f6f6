import { ServiceError } from '../kernel/service-error.js';
import { withoutEnd } from '../kernel/text.js';

/** Longest ref and path that we look at. */
const MAX_REF = 1_000;
const MAX_PATH = 4_096;
/** git-check-ref-format, rules 3 to 5, 7 to 9: what no ref may hold anywhere. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const NEVER_IN_REF = /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$/;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** True for a full object name, SHA-1 or SHA-256. */
export function isCommit(text: string): boolean {
  return COMMIT.test(text);
}

/** True for a branch's or tag's name by the rules of git-check-ref-format; a leading `-` is refused as well. */
export function isRefName(name: string): boolean {
  if (name.length === 0 || name.length > MAX_REF || NEVER_IN_REF.test(name) || name.startsWith('-')) return false;
  return name.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
}

/** The full name of a source's ref: `f41` → `refs/heads/f41`, `tags/v1` → `refs/tags/v1`; full names stay. */
export function fullRef(ref: string): string {
  const full = ref.startsWith('refs/') ? ref : ref.startsWith('tags/') ? `refs/${ref}` : `refs/heads/${ref}`;
  const [, name] = /^refs\/(?:heads|tags)\/(.*)$/s.exec(full) ?? [];
  if (name === undefined || !isRefName(name))
    throw new ServiceError('config_invalid', `${shown(ref)} is not a name that a branch or tag can have.`);
  return full;
}

/** Throws `commit_missing` for anything but a full object name. */
export function checkCommit(commit: string): void {
  if (!isCommit(commit)) throw new ServiceError('commit_missing', `${shown(commit)} is not a full commit id.`);
}

/** The parts of a path below a repository's root; none for the root. Throws `config_invalid` for a way out. */
export function pathParts(path: string): readonly string[] {
  const parts = withoutEnd(path, /\//).split('/');
  if (parts.length === 1 && (parts[0] === '' || parts[0] === '.')) return [];
  const bad = path.length > MAX_PATH || path.includes('\0') || parts.some((part) => ['', '.', '..'].includes(part));
  if (bad) throw new ServiceError('config_invalid', `${shown(path)} is not a path inside a repository.`);
  return parts;
}

/** Quoted for a message: one line, not endless. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
