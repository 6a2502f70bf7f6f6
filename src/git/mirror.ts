import { hash, randomUUID } from 'node:crypto';
import { access, mkdir, readdir, realpath, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '../kernel/service-error.js';
import { pause } from '../runtime/clock.js';
import type { Admitted } from './access.js';
import type { Commands } from './command.js';
import { localEnvironment, remoteEnvironment } from './environment.js';
import { type GitSaying, gitFault, sayingOf } from './faults.js';
import { Objects } from './objects.js';
import type { GitOutcome } from './shell.js';

/** Flags that leave out what a mirror has no use for; each costs a process or a file. */
const FETCH = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules'];
const LEAN = ['--no-show-forced-updates', '--force'];

const GLOBAL_CONFIG = 'layerwright.config';
/** Another process holds a lock for milliseconds; one that is older than this was left by a killed process. */
const STALE_LOCK_MS = 15_000;
const LOCK_TIMEOUT_MS = 30_000;
const LOCK_PAUSE_MS = 100;
const LOCAL_TIMEOUT_MS = 120_000;

/** New folders that one fetch may begin with: after that, what is broken is not ours. */
const MAX_REMADE = 2;

type Format = 'sha1' | 'sha256';

/**
 * A bare repository of ours with some refs of one outside repository. Any number of processes may use its folder: it
 * appears by a rename, goes by a rename, and git's own locks order the rest. Each ref lives under a flat name (`f41-1a2b3c4d`),
 * so that a branch `a` that became `a/b` is no conflict.
 */
export class Mirror {
  readonly url: string;
  readonly folder: string;
  readonly objects: Objects;
  readonly localEnv: NodeJS.ProcessEnv;
  readonly #env: NodeJS.ProcessEnv;
  readonly #timeoutMs: number;
  readonly #commands: Commands;
  /** Set when an object turned out to be missing or corrupt: the next fetch begins with a new folder. */
  #broken = false;
  /** Which folder was seen last under our name: another process may have put a new one there. */
  #seen = '';

  constructor(mirrors: string, url: string, timeoutMs: number, env: NodeJS.ProcessEnv, commands: Commands) {
    this.url = url;
    this.folder = join(mirrors, folderName(url));
    this.#timeoutMs = timeoutMs;
    this.#env = env;
    this.#commands = commands;
    this.localEnv = localEnvironment(env);
    this.objects = new Objects(url, this.folder, this.localEnv, () => {
      this.#broken = true;
    });
  }

  /** Brings a ref (full name) and its history. Gives its commit; null when the host has no such ref. */
  async fetch(admitted: Admitted, ref: string, signal: AbortSignal): Promise<string | null> {
    const local = localName(ref);
    if (this.#broken) await this.#remove();
    let format: Format = 'sha1';
    const deadline = performance.now() + LOCK_TIMEOUT_MS;
    for (let remade = 0; ; ) {
      await this.#ensure(admitted, format);
      await this.#touch();
      const outcome = await this.#fetchOnce(admitted, ref, local, signal);
      const saying = outcome.code === 0 ? null : this.#saying(outcome);
      if (saying === null) {
        const head = await this.#resolve(local);
        if (head !== undefined) return head;
      } else if (saying.kind === 'ref_missing') {
        await this.#forget(local);
        return null;
      } else if (saying.kind === 'locked' && performance.now() < deadline) {
        await this.#removeStaleLocks(local);
        await pause(LOCK_PAUSE_MS, signal);
        continue;
      } else if (saying.kind === 'error' || saying.kind === 'locked') {
        throw gitFault(saying, this.url, outcome.stderr);
      }
      if (remade === MAX_REMADE) throw gitFault(saying ?? { kind: 'broken' }, this.url, outcome.stderr);
      remade += 1;
      if (saying?.kind === 'other_format') format = 'sha256';
      await this.#remove();
    }
  }

  /** Heads of branches, and of tags as `tags/…` (peeled), as the host shows them now. */
  async lsRemote(admitted: Admitted, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    if (admitted.protocol === 'file') await this.#ensure(admitted, 'sha1');
    const outcome = await this.#commands.run({
      args: ['ls-remote', '--quiet', '--heads', '--tags', '--', this.url],
      env: await remoteEnvironment(admitted, this.#env, this.#globalConfig(admitted)),
      timeoutMs: this.#timeoutMs,
      signal,
    });
    if (outcome.code !== 0) throw gitFault(this.#saying(outcome), this.url, outcome.stderr);
    return parseRefs(outcome.stdout.toString('utf8'));
  }

  /** Runs git on the mirror alone. */
  run(args: readonly string[], signal?: AbortSignal): Promise<GitOutcome> {
    const all = [`--git-dir=${this.folder}`, ...args];
    return this.#commands.run({ args: all, env: this.localEnv, timeoutMs: LOCAL_TIMEOUT_MS, signal });
  }

  /** The error for a `run` that failed. */
  fault(outcome: GitOutcome): ServiceError {
    const saying = this.#saying(outcome);
    if (saying.kind === 'broken') this.#broken = true;
    return gitFault(saying, this.url, outcome.stderr);
  }

  async #fetchOnce(admitted: Admitted, ref: string, local: string, signal: AbortSignal): Promise<GitOutcome> {
    return this.#commands.run({
      args: [`--git-dir=${this.folder}`, 'fetch', ...FETCH, ...LEAN, '--', this.url, `+${ref}:${local}`],
      env: await remoteEnvironment(admitted, this.#env, this.#globalConfig(admitted)),
      timeoutMs: this.#timeoutMs,
      signal,
    });
  }

  /** The ref's commit; null when it names something else; undefined when the mirror has it not, against git's word. */
  async #resolve(local: string): Promise<string | null | undefined> {
    const commit = await this.objects.header(`${local}^{commit}`);
    if (commit !== null) return commit.oid;
    const any = await this.objects.header(local);
    return any === null || any.type === 'commit' ? undefined : null;
  }

  #saying(outcome: GitOutcome): GitSaying {
    // Names must not be taken for git's words: a repository may be called `corrupt`.
    const names = [this.url, this.url.replace(/\/$/, ''), this.folder];
    const words = names.reduce((text, name) => text.replaceAll(name, ''), outcome.stderr);
    return sayingOf(words);
  }

  /** Makes the folder when it is not there. Several processes may: the first rename wins, the others' go. */
  async #ensure(admitted: Admitted, format: Format): Promise<void> {
    if (!(await isThere(join(this.folder, 'HEAD')))) await this.#make(admitted, format);
    this.#seen = await identityOf(this.folder);
  }

  /** Its time is that of its last use: who has to make room takes the oldest. */
  async #touch(): Promise<void> {
    const now = new Date();
    // Another process may be taking it away; the fetch sees that.
    await utimes(this.folder, now, now).catch(() => undefined);
  }

  async #make(admitted: Admitted, format: Format): Promise<void> {
    const made = `${this.folder}.${randomUUID()}`;
    try {
      for (const part of ['objects/pack', 'objects/info', 'refs/heads', 'refs/tags'])
        await mkdir(join(made, part), { recursive: true, mode: 0o700 });
      await writeFile(join(made, 'config'), configOf(format));
      if (admitted.protocol === 'file') await writeFile(join(made, GLOBAL_CONFIG), await safeFolders(this.url));
      await writeFile(join(made, 'HEAD'), 'ref: refs/heads/none\n');
      await this.#removeNoMirror();
      await rename(made, this.folder);
    } catch (cause) {
      await rm(made, { recursive: true, force: true });
      if (!(await isThere(join(this.folder, 'HEAD')))) throw folderFault(this.folder, cause);
    }
  }

  /** What stands in our place without being a mirror: a deletion that was cut short. */
  async #removeNoMirror(): Promise<void> {
    if ((await isThere(this.folder)) && !(await isThere(join(this.folder, 'HEAD')))) {
      this.#seen = await identityOf(this.folder);
      await this.#remove();
    }
  }

  /**
   * Takes the folder away, for all processes at once; one that reads it finds it broken, and fetches anew. A folder that
   * is not the one we have seen is another's new one, and stays.
   */
  async #remove(): Promise<void> {
    const gone = `${this.folder}.${randomUUID()}`;
    this.objects.close();
    this.#broken = false;
    if ((await identityOf(this.folder)) !== this.#seen) return;
    try {
      await rename(this.folder, gone);
      await rm(gone, { recursive: true, force: true });
    } catch (cause) {
      if (codeOf(cause) !== 'ENOENT') throw folderFault(this.folder, cause);
    }
  }

  async #forget(local: string): Promise<void> {
    // A ref that stays costs nothing but its objects' room.
    await this.run(['update-ref', '-d', local]).catch(() => undefined);
  }

  async #removeStaleLocks(local: string): Promise<void> {
    const files = [`${local}.lock`, 'packed-refs.lock', 'shallow.lock', 'HEAD.lock', 'config.lock'];
    for (const file of files.map((name) => join(this.folder, name))) {
      const found = await stat(file).catch(() => null);
      // Also one from the future: it was made before the clock was set back.
      if (found !== null && Math.abs(Date.now() - found.mtimeMs) > STALE_LOCK_MS) await rm(file, { force: true });
    }
  }

  #globalConfig(admitted: Admitted): string | null {
    return admitted.protocol === 'file' ? join(this.folder, GLOBAL_CONFIG) : null;
  }
}

/** Removes what killed processes left of mirrors that were being made or taken away an hour ago or earlier. */
export async function sweepMirrors(mirrors: string): Promise<void> {
  const names = await readdir(mirrors).catch(() => []);
  for (const name of names.filter((entry) => LEFT_OVER.test(entry))) {
    const found = await stat(join(mirrors, name)).catch(() => null);
    if (found !== null && Date.now() - found.ctimeMs > 3_600_000)
      await rm(join(mirrors, name), { recursive: true, force: true });
  }
}

/** A local source may belong to another user; a rule that allows its folder is our word that it may. */
async function safeFolders(path: string): Promise<string> {
  const real = await realpath(path).catch(() => path);
  const folders = [...new Set([path, real])].flatMap((name) => [name, `${name}/.git`, `${name}.git`]);
  const lines = folders.map((name) => `\tdirectory = "${name.replace(/["\\]/g, '\\$&')}"\n`);
  return `[safe]\n${lines.join('')}`;
}

/** Tells a folder from a later one of the same name; empty for none. */
async function identityOf(folder: string): Promise<string> {
  const found = await stat(folder, { bigint: true }).catch(() => null);
  return found === null ? '' : `${found.dev}:${found.ino}:${found.birthtimeNs}`;
}

const LEFT_OVER = /\.git\.[0-9a-f-]{36}$/;

/** `container-httpd-1a2b3c4d5e6f7a8b.git`: readable, and different for different URLs. */
export function folderName(url: string): string {
  const readable = url
    .replace(/\.git$/, '')
    .split('/')
    .slice(-2)
    .join('-')
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^[.-]+/, '')
    .slice(0, 80);
  return `${readable}-${shortHash(url, 16)}.git`;
}

/** A flat name of ours for a host's ref. */
function localName(ref: string): string {
  const [, kind = 'heads', name = ''] = /^refs\/(heads|tags)\/(.*)$/s.exec(ref) ?? [];
  return `refs/${kind}/${name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 80)}-${shortHash(ref, 8)}`;
}

function shortHash(text: string, digits: number): string {
  return hash('sha256', text).slice(0, digits);
}

/** No automatic gc (we choose when), no hooks, no waiting for disks: a mirror that a power cut broke is fetched anew. */
function configOf(format: Format): string {
  const extension = format === 'sha256' ? '[extensions]\n\tobjectFormat = sha256\n' : '';
  return `[core]
\trepositoryFormatVersion = ${format === 'sha256' ? 1 : 0}
\tbare = true
\thooksPath = /dev/null
\tfsync = none
\tlogAllRefUpdates = false
[advice]
\tfetchShowForcedUpdates = false
[gc]
\tauto = 0
\tautoDetach = false
[maintenance]
\tauto = false
[receive]
\tautogc = false
${extension}`;
}

function parseRefs(text: string): ReadonlyMap<string, string> {
  const refs = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, commit, kind, name, peeled] = /^([0-9a-f]{40,64})\trefs\/(heads|tags)\/(.+?)(\^\{\})?$/.exec(line) ?? [];
    if (commit === undefined || name === undefined) continue;
    const short = kind === 'tags' ? `tags/${name}` : name;
    if (peeled !== undefined || !refs.has(short)) refs.set(short, commit);
  }
  return refs;
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}

function folderFault(folder: string, cause: unknown): ServiceError {
  if (codeOf(cause) === 'ENOSPC' || codeOf(cause) === 'EDQUOT')
    return new ServiceError('disk_full', `There is no room left for the mirror ${folder}.`, { transient: true, cause });
  return new ServiceError('internal', `The mirror ${folder} can’t be written.`, { cause });
}
