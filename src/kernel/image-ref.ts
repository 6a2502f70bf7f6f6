import { type Digest, isDigest } from './digest.js';
import { err, ok, type Result } from './result.js';

/** A parsed image reference. `registry` is always set; `tag` is null only beside a digest. */
export interface ImageRef {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: Digest | null;
}

const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;

/** An image's id as `docker images` shows it: not a name (distribution/reference refuses it too). */
const IMAGE_ID = /^[0-9a-f]{64}$/;

/** Longest reference that is looked at; longer ones are refused unread. Longest host, its port included. */
const MAX_LENGTH = 1024;
const MAX_HOST = 255;

/** True for a tag that the distribution specification allows. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** True for a repository path that the distribution specification allows (at most 255 characters). */
export function isRepository(text: string): boolean {
  return text.length <= 255 && REPOSITORY.test(text);
}

/** Makes a tag of any text: characters a tag can't hold become `_`, and it is cut at 128. */
export function toTag(text: string): string {
  const tag = text.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 128);
  return /^[A-Za-z0-9_]/.test(tag) ? tag : `_${tag.slice(1)}`;
}

/**
 * Parses a reference as Docker does: no registry means `docker.io`, there one word means `library/word`; no tag and no
 * digest means `latest`. Source of the rules: distribution/reference.
 */
export function parseImageRef(text: string): Result<ImageRef, string> {
  if (text.length === 0) return err('an image reference is empty');
  if (text.length > MAX_LENGTH) return err(`an image reference is longer than ${MAX_LENGTH} characters`);
  if (IMAGE_ID.test(text)) return err(`${quote(text)} is an image's id, not a name that others can look up`);
  const at = text.indexOf('@');
  const named = at === -1 ? text : text.slice(0, at);
  const digest = at === -1 ? null : text.slice(at + 1);
  if (digest !== null && !isDigest(digest)) return err(`${quote(text)}: the digest is not sha256 with 64 hex digits`);
  const slash = named.indexOf('/');
  const first = slash === -1 ? '' : named.slice(0, slash);
  const hasRegistry =
    first.includes('.') || first.includes(':') || first === 'localhost' || first.toLowerCase() !== first;
  const registry = hasRegistry ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io';
  const rest = hasRegistry ? named.slice(slash + 1) : named;
  const colon = rest.lastIndexOf(':');
  const path = colon === -1 ? rest : rest.slice(0, colon);
  const tag = colon === -1 ? null : rest.slice(colon + 1);
  if (registry.length > MAX_HOST || !HOST.test(registry))
    return err(`${quote(text)}: ${quote(registry)} is not a registry host`);
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  if (!isRepository(repository))
    return err(`${quote(text)}: ${quote(path)} is not a repository name (lower case, digits, . _ - and /)`);
  if (tag !== null && !isTag(tag)) return err(`${quote(text)}: ${quote(tag)} is not a tag`);
  return ok({ registry, repository, tag: tag ?? (digest === null ? 'latest' : null), digest });
}

/** The canonical text: registry, repository, and the digest or else the tag (both when both are known). */
export function formatImageRef(ref: ImageRef): string {
  const tag = ref.tag === null ? '' : `:${ref.tag}`;
  const digest = ref.digest === null ? '' : `@${ref.digest}`;
  return `${ref.registry}/${ref.repository}${tag}${digest}`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
