import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isJsonObject } from '../kernel/json.js';
import { ServiceError } from '../kernel/service-error.js';

/** Who has a folder. */
export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** ISO time at which it was taken. */
  readonly since: string;
  /** Tells this process from a later one with the same pid; null where the system can't say. */
  readonly birth: string | null;
}

/** What the lock needs to know of the system; tests give their own. */
export interface LockSystem {
  readonly pid: number;
  readonly host: string;
  now(): Date;
  /** The birth of a living process, `''` when it lives and its birth can't be told, null when there is none. */
  birthOf(pid: number): string | null;
}

export interface FolderLock {
  readonly owner: LockOwner;
  /** Frees the folder; what another has taken meanwhile stays. Twice is harmless. */
  release(): void;
}

/** Milliseconds: how often a holder touches its lock, and when one of another host counts as dead. */
const BEAT_MS = 5_000;
const STALE_MS = 30_000;
const TAKE_TRIES = 5;

/**
 * Takes a folder for one process. A holder on this host is dead when its process is; one on another host (a container
 * that was made anew, a shared disk) when it has not touched the lock for 30 s. Throws `folder_in_use`.
 */
export function lockFolder(path: string, system: LockSystem): FolderLock {
  const owner: LockOwner = {
    pid: system.pid,
    host: system.host,
    since: system.now().toISOString(),
    birth: system.birthOf(system.pid),
  };
  const text = `${JSON.stringify(owner)}\n`;
  mkdirSync(dirname(path), { recursive: true });
  for (let attempt = 0; attempt < TAKE_TRIES; attempt += 1) {
    if (create(path, text, system.pid)) return held(path, text, owner, system);
    const found = read(path);
    if (found === null) continue;
    if (lives(found, path, system)) throw inUse(path, found.owner);
    setAside(path, found.text, system.pid);
  }
  throw new ServiceError('folder_in_use', `${dirname(path)} is being taken by others at this moment`);
}

/** Writes the lock whole or not at all: a link fails where something is. */
function create(path: string, text: string, pid: number): boolean {
  const draft = join(dirname(path), `.lock-${pid}-${process.hrtime.bigint()}`);
  writeFileSync(draft, text, { flag: 'wx' });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Moves a dead lock away. When another took over in between, its lock is put back. */
function setAside(path: string, judged: string, pid: number): void {
  const aside = join(dirname(path), `.dead-${pid}-${process.hrtime.bigint()}`);
  try {
    renameSync(path, aside);
    if (readFileSync(aside, 'utf8') !== judged) linkSync(aside, path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function held(path: string, text: string, owner: LockOwner, system: LockSystem): FolderLock {
  const ours = (): boolean => read(path)?.text === text;
  const beat = setInterval(() => {
    if (ours()) utimesSync(path, system.now(), system.now());
  }, BEAT_MS);
  beat.unref();
  return {
    owner,
    release: () => {
      clearInterval(beat);
      if (ours()) rmSync(path, { force: true });
    },
  };
}

interface Found {
  readonly text: string;
  /** Null when the file holds something else: a dead one's. */
  readonly owner: LockOwner | null;
}

function read(path: string): Found | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
  return { text, owner: parseOwner(text) };
}

function parseOwner(text: string): LockOwner | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!isJsonObject(value)) return null;
    const { pid, host, since, birth } = value;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof since !== 'string') return null;
    return { pid, host, since, birth: typeof birth === 'string' ? birth : null };
  } catch {
    return null;
  }
}

function lives({ owner }: Found, path: string, system: LockSystem): boolean {
  if (owner === null) return false;
  if (owner.host !== system.host) {
    const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    // One from the future was touched before the clock was set back.
    return Math.abs(system.now().getTime() - touched) < STALE_MS;
  }
  const birth = system.birthOf(owner.pid);
  if (birth === null) return false;
  return birth === '' || owner.birth === null || owner.birth === '' || birth === owner.birth;
}

function inUse(path: string, owner: LockOwner | null): ServiceError {
  const who = owner === null ? 'another process' : `pid ${owner.pid} on ${owner.host}, since ${owner.since}`;
  return new ServiceError('folder_in_use', `${dirname(path)} is in use by another \`layerwright up\`: ${who}`);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
