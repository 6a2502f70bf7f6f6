import { isJsonObject, type JsonObject } from '../../kernel/json.js';
import { pause } from '../../runtime/clock.js';
import type { DockerClient } from './docker-client.js';
import { jsonLines } from './json-lines.js';

const EVENT_BYTES = 1_048_576;
const SHORT_ID = 12;
const OPEN_MS = 10_000;
/** How far back the events begin, so that none is lost between a build's begin and the open stream. */
const REPLAY_MS = 10_000;
/** Types and actions that are asked for: the engine sends nothing else. */
const FILTERS = { type: ['container', 'image'], event: ['oom', 'destroy', 'tag'] };

/** What one build wants of the engine's events. Container ids are short ones. */
export interface EventWatch {
  /**
   * Asks for events, once; a build whose steps run nothing never does. Resolves when they come, those of the last seconds
   * included. Rejects with `engine_unavailable`; who does not wait for it need not care.
   */
  begin(): Promise<void>;
  /** True when the engine ran out of memory in this container since the watch began. */
  ranOutOfMemory(container: string): boolean;
  /** Resolves when the container is gone, or after `ms`; at once when no events come. Begins the watch. */
  gone(container: string, ms: number): Promise<void>;
  /** Resolves when an image was given this name since the watch began, or after `ms`. Begins the watch. */
  named(reference: string, ms: number): Promise<void>;
  release(): void;
}

/** For a build on an engine whose events say nothing of it. */
export const NO_EVENTS: EventWatch = {
  begin: async () => undefined,
  ranOutOfMemory: () => false,
  gone: async () => undefined,
  named: async () => undefined,
  release: () => undefined,
};

interface EventStream {
  readonly stop: AbortController;
  readonly opened: Promise<void>;
  live: boolean;
}

/**
 * The engine's events, one stream for all builds on it, open only while one runs. They come in the order in which
 * things happened: what was before a container's `destroy` or an image's `tag` is known when that is.
 */
export class EngineEvents {
  readonly #client: DockerClient;
  readonly #watches = new Set<Watch>();
  #stream: EventStream | null = null;

  constructor(client: DockerClient) {
    this.#client = client;
  }

  /** For who began to watch and who only may: what comes meanwhile, as another began, is told to both. */
  watch(): EventWatch {
    const watch = new Watch(
      () => {
        this.#stream ??= this.#open(secondsAgo(REPLAY_MS));
        return this.#stream.opened;
      },
      () => this.#stream?.live === true,
      () => this.#release(watch),
    );
    this.#watches.add(watch);
    return watch;
  }

  get #isWanted(): boolean {
    return [...this.#watches].some(({ begun }) => begun);
  }

  #release(watch: Watch): void {
    this.#watches.delete(watch);
    if (this.#isWanted) return;
    this.#stream?.stop.abort();
    this.#stream = null;
  }

  #open(since: string): EventStream {
    const stop = new AbortController();
    const options = { filters: FILTERS, abortSignal: stop.signal, since };
    const opening = this.#client.ask('other', () => this.#client.docker.getEvents(options), {
      signal: stop.signal,
      timeoutMs: OPEN_MS,
    });
    const opened = opening.then(() => undefined);
    // Whoever began it may wait for it later, or not at all.
    opened.catch(() => undefined);
    const current = { stop, opened, live: true };
    opening
      .then((stream) => this.#read(stream))
      .catch(() => null)
      .then((last) => this.#ended(current, last))
      .catch(() => undefined);
    return current;
  }

  /** Gives the time of the last event, by the engine's clock. */
  async #read(stream: AsyncIterable<Uint8Array>): Promise<string | null> {
    let last: string | null = null;
    try {
      for await (const event of jsonLines(stream, EVENT_BYTES)) {
        for (const watch of this.#watches) watch.take(event);
        if (typeof event['time'] === 'number') last = String(event['time']);
      }
    } catch {
      // The build sees the same fault on its own connection and names it.
    }
    return last;
  }

  /** Opened again once, from where it broke off; should that fail too, builds go on without. */
  async #ended(ended: EventStream, last: string | null): Promise<void> {
    if (this.#stream !== ended) return;
    ended.live = false;
    if (last !== null && this.#isWanted) {
      this.#stream = this.#open(last);
      await this.#stream.opened.catch(() => undefined);
      return;
    }
    this.#stream = null;
    for (const watch of this.#watches) watch.wake();
  }
}

/** By our clock: one that is wrong by more gets fewer old events, or none, but all new ones. */
function secondsAgo(ms: number): string {
  return String(Math.floor((Date.now() - ms) / 1000));
}

class Watch implements EventWatch {
  readonly #oom = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #named = new Set<string>();
  readonly #waiting = new Set<() => void>();
  readonly #open: () => Promise<void>;
  readonly #live: () => boolean;
  readonly release: () => void;
  #begun: Promise<void> | null = null;

  constructor(open: () => Promise<void>, live: () => boolean, release: () => void) {
    this.#open = open;
    this.#live = live;
    this.release = release;
  }

  get begun(): boolean {
    return this.#begun !== null;
  }

  begin(): Promise<void> {
    this.#begun ??= this.#open();
    return this.#begun;
  }

  take(event: JsonObject): void {
    const actor = event['Actor'];
    if (!isJsonObject(actor) || typeof actor['ID'] !== 'string') return;
    const id = actor['ID'].slice(0, SHORT_ID);
    if (event['Action'] === 'oom') this.#oom.add(id);
    if (event['Action'] === 'destroy') this.#gone.add(id);
    const attributes = actor['Attributes'];
    if (event['Action'] === 'tag' && isJsonObject(attributes) && typeof attributes['name'] === 'string')
      this.#named.add(attributes['name']);
    this.wake();
  }

  wake(): void {
    for (const waiting of [...this.#waiting]) waiting();
  }

  ranOutOfMemory(container: string): boolean {
    return this.#oom.has(container);
  }

  gone(container: string, ms: number): Promise<void> {
    return this.#until(() => this.#gone.has(container), ms);
  }

  named(reference: string, ms: number): Promise<void> {
    return this.#until(() => this.#named.has(reference), ms);
  }

  async #until(happened: () => boolean, ms: number): Promise<void> {
    await this.begin().catch(() => undefined);
    const done = new AbortController();
    const look = (): void => {
      if (happened() || !this.#live()) done.abort();
    };
    this.#waiting.add(look);
    look();
    await pause(ms, done.signal);
    this.#waiting.delete(look);
  }
}
