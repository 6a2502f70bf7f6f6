/** Reading what strangers wrote: every reader takes any JSON and says null for what is not of its kind. */
import { isCommit, isZeroCommit, shortRef } from '../../kernel/git-ref.js';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/json.js';
import { err, ok, type Result } from '../../kernel/result.js';
import type { Refusal } from './push.js';

/** A member that is an object. Own members only: a key like `__proto__` finds nothing. */
export function objectAt(from: JsonObject | null, key: string): JsonObject | null {
  const value = at(from, key);
  return isJsonObject(value) ? value : null;
}

/** A member that is a string with something in it. */
export function textAt(from: JsonObject | null, key: string): string | null {
  const value = at(from, key);
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

export function flagAt(from: JsonObject | null, key: string): boolean | null {
  const value = at(from, key);
  return typeof value === 'boolean' ? value : null;
}

export function numberAt(from: JsonObject | null, key: string): number | null {
  const value = at(from, key);
  return typeof value === 'number' ? value : null;
}

export function listAt(from: JsonObject | null, key: string): readonly Json[] | null {
  const value = at(from, key);
  return Array.isArray(value) ? value : null;
}

export function at(from: JsonObject | null, key: string): Json | undefined {
  return from !== null && Object.hasOwn(from, key) ? from[key] : undefined;
}

/** The host of a web or clone URL, the `git@host:path` form included; null when there is none. */
export function hostOf(url: string | null): string | null {
  if (url === null) return null;
  const scp = /^[\w.-]+@([\w.-]+):(?!\/\/)/.exec(url);
  if (scp?.[1] !== undefined) return scp[1].toLowerCase();
  if (!URL.canParse(url)) return null;
  return new URL(url).hostname.toLowerCase() || null;
}

/** A ref's short name, or why the message's is none. */
export function readRef(text: string | null): Result<string, Refusal> {
  if (text === null) return err({ code: 'ref_invalid', reason: 'the message names no branch or tag' });
  const ref = shortRef(text);
  if (ref.ok) return ref;
  return err({ code: ref.error.code === 'other' ? 'ref_other' : 'ref_invalid', reason: ref.error.reason });
}

/** A full commit, or why the message's is none; `field` names the member for people. */
export function readCommit(text: string | null, field: string): Result<string, Refusal> {
  if (text === null) return err({ code: 'commit_missing', reason: `the message names no commit: ${field} is missing` });
  const commit = text.toLowerCase();
  if (isZeroCommit(commit)) return err({ code: 'ref_deleted', reason: 'the branch or tag was deleted' });
  if (isCommit(commit)) return ok(commit);
  const shown = JSON.stringify(text.slice(0, 80));
  return err({
    code: 'commit_missing',
    reason: `the message names no commit: ${field} is ${shown}, not a full object name`,
  });
}

/** What the ref was before, and whether it is new. */
export function readBefore(text: string | null): { readonly before: string | null; readonly created: boolean | null } {
  const before = text?.toLowerCase() ?? null;
  if (before === null) return { before: null, created: null };
  if (isZeroCommit(before)) return { before: null, created: true };
  return isCommit(before) ? { before, created: false } : { before: null, created: null };
}

/** Longest name of a person that a message of ours carries. */
const MAX_AGENT = 255;

/** The first of some names that is one, fit to be shown. */
export function readAgent(...names: readonly (string | null)[]): string | null {
  const name = names.find((text) => text !== null);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return name?.replace(/[\u0000-\u001f\u007f]/g, '').slice(0, MAX_AGENT) || null;
}

const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._+-]*[A-Za-z0-9_+-])?$/;

/** True for a repository's name that can go into a URL: no dash or dot first, no slash, nothing to escape. */
export function isRepoName(text: string): boolean {
  return text.length <= 255 && NAME.test(text) && !text.includes('..');
}

/** True for one or more such names joined by slashes. */
export function isNamespace(text: string): boolean {
  return text.length <= 255 && text.split('/').every(isRepoName);
}
