import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { isDigest } from '../kernel/digest.js';
import { isJsonObject } from '../kernel/json.js';
import { ServiceError } from '../kernel/service-error.js';
import type { BuildRow } from '../ledger/index.js';
import type { Registry } from '../registry/index.js';
import type { Session } from './session.js';

/** Bytes of a log that are read into memory: compressed, and laid out. */
const MAX_COMPRESSED = 64 * 1024 * 1024;
const MAX_TEXT = 256 * 1024 * 1024;

export interface KeptLog {
  readonly lines: readonly string[];
  /** Where it came from, for people. */
  readonly from: string;
  /** Attempt of the log; null where that is not told. */
  readonly attempt: number | null;
}

/**
 * The output of a build: the local file when this machine has it, else the artifact in the registry. Null when neither
 * is there. Throws `registry_unavailable`, `registry_denied`.
 */
export async function readLog(
  session: Pick<Session, 'settings' | 'registry' | 'repositoryOf'>,
  row: BuildRow,
): Promise<KeptLog | null> {
  return (await fromFile(session, row)) ?? (await fromRegistry(session, row));
}

async function fromFile({ settings }: Pick<Session, 'settings'>, row: BuildRow): Promise<KeptLog | null> {
  const folder = settings.builder.logs;
  const names = await readdir(folder).catch(() => []);
  const attempts = names.flatMap((name) => {
    const match = /^(.+)\.(\d+)\.log(\.gz)?$/.exec(name);
    return match?.[1] === row.id ? [{ name, attempt: Number(match[2]), packed: match[3] !== undefined }] : [];
  });
  const newest = attempts.sort((a, b) => b.attempt - a.attempt || Number(a.packed) - Number(b.packed))[0];
  if (newest === undefined) return null;
  const path = join(folder, newest.name);
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null) return null;
  return { lines: linesOf(await unpack(bytes)), from: path, attempt: newest.attempt };
}

async function fromRegistry(
  session: Pick<Session, 'registry' | 'repositoryOf'>,
  row: BuildRow,
): Promise<KeptLog | null> {
  if (row.log === null || !isDigest(row.log)) return null;
  const place = session.repositoryOf(row);
  if (place === null) return null;
  const registry = await session.registry(place.registry);
  const manifest = await registry.getManifest(place.repository, row.log);
  if (manifest === null) return null;
  const blob = await firstLayer(registry, place.repository, manifest.bytes);
  if (blob === null) return null;
  return { lines: linesOf(await unpack(blob)), from: `${registry.host}/${place.repository}@${row.log}`, attempt: null };
}

async function firstLayer(registry: Registry, repository: string, manifest: Buffer): Promise<Buffer | null> {
  const parsed: unknown = JSON.parse(manifest.toString('utf8'));
  const layers = isJsonObject(parsed) && Array.isArray(parsed['layers']) ? parsed['layers'] : [];
  const digest = isJsonObject(layers[0]) ? layers[0]['digest'] : undefined;
  if (typeof digest !== 'string' || !isDigest(digest)) return null;
  return registry.getBlob(repository, digest, MAX_COMPRESSED);
}

/** gzip's magic number (RFC 1952, 2.3.1) tells a packed log from a plain one. */
async function unpack(bytes: Buffer): Promise<string> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('utf8');
  try {
    return (await promisify(gunzip)(bytes, { maxOutputLength: MAX_TEXT })).toString('utf8');
  } catch (cause) {
    throw new ServiceError('internal', 'the log can not be unpacked', { cause });
  }
}

function linesOf(text: string): readonly string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}
