import { err, ok, type Result } from './result.js';

/** Longest short name of a ref that is taken. */
const MAX_LENGTH = 255;

/** Why a ref names nothing that can be built. `other`: a ref that is well formed, but neither a branch nor a tag. */
export interface RefFault {
  readonly code: 'invalid' | 'other';
  readonly reason: string;
}

/**
 * Makes the short name of a ref: `refs/heads/f41` and `f41` give `f41`, `refs/tags/v1` and `tags/v1` give `tags/v1`.
 * Refuses what git would (git-check-ref-format), what a command line could take for an option, and what is neither a
 * branch nor a tag.
 */
export function shortRef(text: string): Result<string, RefFault> {
  const name = text.startsWith('refs/heads/')
    ? text.slice('refs/heads/'.length)
    : text.replace(/^refs\/tags\//, 'tags/');
  const fault = faultOf(name);
  if (fault !== null) return err({ code: 'invalid', reason: `the ref ${shown(text)} ${fault}` });
  if (name.startsWith('refs/')) return err({ code: 'other', reason: `${shown(text)} is neither a branch nor a tag` });
  if (name.startsWith('tags/') && text.startsWith('refs/heads/')) {
    return err({ code: 'invalid', reason: `the branch ${shown(name)} can’t be told from a tag by its name` });
  }
  return ok(name);
}

/** True for a name that starts with `tags/`, as `shortRef` makes them. */
export function isTagRef(name: string): boolean {
  return name.startsWith('tags/');
}

/** True for a full object name: 40 hex digits (SHA-1) or 64 (SHA-256), lower case. */
export function isCommit(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/** True for the object name of nothing: what hooks write where a ref begins or ends. */
export function isZeroCommit(text: string): boolean {
  return /^0{40}(?:0{24})?$/.test(text);
}

function faultOf(name: string): string | null {
  if (name === '') return 'is empty';
  if (name.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`;
  if (name.startsWith('-')) return 'begins with a dash';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0020\u007f~^:?*[\\]/.test(name)) return 'has a character that git refuses';
  if (name.includes('..') || name.includes('@{') || name === '@' || name.endsWith('.'))
    return 'has a sequence that git refuses';
  if (name.split('/').some((part) => part === '' || part.startsWith('.') || part.endsWith('.lock'))) {
    return 'has a part that git refuses';
  }
  return null;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
