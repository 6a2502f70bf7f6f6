import { mkdir } from 'node:fs/promises';
import { resolve as absolute } from 'node:path';
import { ServiceError } from '../kernel/service-error.js';
import { type Admitted, admit, type Resolve, systemResolve } from './access.js';
import { Commands } from './command.js';
import type { FetchedRef, Git, GitSettings, GitSource } from './contract.js';
import { Fetched } from './fetched.js';
import { Flights } from './flights.js';
import { History } from './history.js';
import { Mirror, sweepMirrors } from './mirror.js';
import { fullRef } from './names.js';
import { FileTimes, keptTimes } from './times.js';
import { Upkeep } from './upkeep.js';

const DEFAULT_TIMEOUT_MS = 120_000;

export interface GitOptions {
  /** For programs, proxies and ssh's keys. Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** How host names are resolved before git may have them. */
  readonly resolve?: Resolve;
}

/** Opens the mirrors; nothing runs yet, and the folder is made by the first fetch. */
export function openGit(settings: GitSettings, options: GitOptions = {}): Git {
  return new Store(settings, options);
}

interface Kept {
  readonly mirror: Mirror;
  readonly history: History;
  readonly times: FileTimes;
  readonly upkeep: Upkeep;
}

class Store implements Git {
  readonly #settings: GitSettings;
  readonly #env: NodeJS.ProcessEnv;
  readonly #resolve: Resolve;
  readonly #kept = new Map<string, Kept>();
  readonly #times = keptTimes();
  readonly #commands: Commands;
  readonly #fetches = new Flights<string | null>();
  #folder: Promise<unknown> | null = null;
  #closed = false;

  constructor(settings: GitSettings, options: GitOptions) {
    // git gets the folder's whole name: it runs elsewhere.
    this.#settings = { ...settings, mirrors: absolute(settings.mirrors) };
    this.#env = options.env ?? process.env;
    this.#commands = new Commands(this.#env);
    this.#resolve = options.resolve ?? systemResolve;
  }

  async refusal(url: string): Promise<string | null> {
    const admitted = await admit(url, this.#settings.access, this.#resolve);
    return typeof admitted === 'string' ? admitted : null;
  }

  async fetch({ url, ref }: GitSource, signal?: AbortSignal): Promise<FetchedRef> {
    const full = fullRef(ref);
    const { admitted, mirror, history, times, upkeep } = await this.#open(url);
    upkeep.begin();
    try {
      const key = `${mirror.folder} ${full}`;
      const head = await this.#fetches.join(key, (ended) => mirror.fetch(admitted, full, ended), signal);
      return new Fetched(head, mirror, history, times);
    } finally {
      upkeep.end();
    }
  }

  async lsRemote(url: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { admitted, mirror } = await this.#open(url);
    return mirror.lsRemote(admitted, signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#fetches.abort(new ServiceError('source_unavailable', 'The git room is closed.'));
    await Promise.all([...this.#kept.values()].map(({ upkeep }) => upkeep.close()));
    for (const { mirror } of this.#kept.values()) mirror.objects.close();
    this.#commands.close();
  }

  async #open(url: string): Promise<Kept & { readonly admitted: Admitted }> {
    if (this.#closed) throw new ServiceError('internal', 'The git room was used after it was closed.');
    const admitted = await admit(url, this.#settings.access, this.#resolve);
    if (typeof admitted === 'string') throw new ServiceError('config_invalid', admitted);
    await this.#ready();
    const kept = this.#kept.get(admitted.url) ?? this.#keep(admitted.url);
    this.#kept.set(admitted.url, kept);
    return { ...kept, admitted };
  }

  #keep(url: string): Kept {
    const timeoutMs = this.#settings.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const mirror = new Mirror(this.#settings.mirrors, url, timeoutMs, this.#env, this.#commands);
    const times = new FileTimes(mirror, this.#times);
    return { mirror, history: new History(mirror), times, upkeep: new Upkeep(mirror) };
  }

  /** Makes the folder once; a failure is tried again by the next call. */
  async #ready(): Promise<void> {
    const { mirrors } = this.#settings;
    this.#folder ??= mkdir(mirrors, { recursive: true, mode: 0o700 }).then(() => sweepMirrors(mirrors));
    try {
      await this.#folder;
    } catch (cause) {
      this.#folder = null;
      throw new ServiceError('internal', `The folder of the mirrors, ${mirrors}, can’t be made.`, { cause });
    }
  }
}
