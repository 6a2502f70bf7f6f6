import { Agent } from 'node:http';
import type { Readable } from 'node:stream';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import type { JsonObject } from '../../kernel/json.js';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { type EngineTask, requestError } from './engine-errors.js';
import { jsonLines } from './json-lines.js';

/** Milliseconds that a small request may take; an engine under load answers slowly, a dead one never. */
export const REQUEST_MS = 30_000;

interface Ends {
  readonly abortSignal: AbortSignal;
}

/** An image as a list of the engine has it. */
export interface ListedImage {
  readonly Id: string;
  readonly ParentId?: string | null;
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Size?: number;
  /** Seconds since 1970. */
  readonly Created?: number;
}

/** The part of dockerode that we use; its published types leave out half of the options. */
export interface DockerApi {
  ping(options: Ends): Promise<unknown>;
  version(options: Ends): Promise<{
    readonly Version: string;
    readonly ApiVersion: string;
    readonly Os: string;
    readonly Arch: string;
    readonly Components?: readonly { readonly Name: string }[];
  }>;
  info(options: Ends): Promise<{ readonly MemoryLimit?: boolean; readonly CpuCfsQuota?: boolean }>;
  buildImage(context: Readable, options: Ends & Readonly<Record<string, unknown>>): Promise<Readable>;
  getEvents(options: Ends & Readonly<Record<string, unknown>>): Promise<Readable>;
  listImages(
    options: Ends & { readonly all?: boolean; readonly filters?: Readonly<Record<string, readonly string[]>> },
  ): Promise<readonly ListedImage[]>;
  getImage(name: string): {
    inspect(options: Ends): Promise<{ readonly Id: string; readonly Size: number }>;
    history(): Promise<readonly { readonly CreatedBy?: string }[]>;
    push(options: Ends & { readonly authconfig: Readonly<Record<string, string>> }): Promise<Readable>;
    tag(options: Ends & { readonly repo: string; readonly tag: string }): Promise<unknown>;
    remove(options: Ends & { readonly force?: boolean }): Promise<unknown>;
  };
  getContainer(id: string): { remove(options: Ends & { readonly v: boolean }): Promise<unknown> };
  readonly modem: {
    dial(request: Ends & PodmanRequest, callback: (error: Error | null, answer?: unknown) => void): void;
  };
}

/** Where Podman's own requests are, which Docker's API does not know. */
export const PODMAN_API = '/v4.0.0/libpod';

export interface PodmanRequest {
  readonly path: string;
  readonly method: 'GET' | 'POST';
  /** The query, where the path ends in `?`. */
  readonly options?: Readonly<Record<string, string>>;
  readonly statusCodes: Readonly<Record<number, true | string>>;
}

/** One object of progress; a step's output comes in pieces of 32 KiB, which JSON may make six times as long. */
const OBJECT_BYTES = 1_048_576;

/** An engine's address and the means to ask it; each request ends, whatever the engine does. */
export interface DockerClient {
  readonly host: string;
  readonly docker: DockerApi;
  /**
   * Runs one request with a signal that ends it. Rejects with the reason of `signal`, or with a ServiceError;
   * `timeoutMs` null: only the signal ends it.
   */
  ask<T>(
    task: EngineTask,
    call: (signal: AbortSignal) => Promise<T>,
    options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number | null },
  ): Promise<T>;
  /** Runs a request whose answer is a stream of progress, and gives that object by object. Rejects as `ask` does. */
  progress(
    task: EngineTask,
    call: (signal: AbortSignal) => Promise<Readable>,
    signal: AbortSignal,
  ): AsyncGenerator<JsonObject>;
  close(): void;
}

/**
 * The modem writes out all that it sends for its debug log, read or not. An agent holds every socket and request, and
 * these hold all the rest: writing it out took more of the processor than all else that a build does here.
 */
class QuietAgent extends Agent {
  [inspect.custom](): string {
    return 'Agent';
  }
}

/** `host`: `unix:///path`, or `tcp://host:port` without TLS. Throws `config_invalid` for anything else. */
export function openClient(host: string): DockerClient {
  // A connection for each request: one that was kept would be found dead only when it is used, after the engine's restart.
  const agent = new QuietAgent({ keepAlive: false });
  const options = { ...NOTHING_OF_THE_ENVIRONMENT, ...addressOf(host), agent };
  const docker = new Docker(options as Docker.DockerOptions) as unknown as DockerApi;
  const open = new Set<AbortController>();
  // Signals are linked by hand: nothing holds what AbortSignal.any gives, and Node may lose it during a long build.
  const ask: DockerClient['ask'] = async (task, call, { signal, timeoutMs = REQUEST_MS } = {}) => {
    signal?.throwIfAborted();
    const end = new AbortController();
    const onAbort = (): void => end.abort(signal?.reason);
    const onTimeout = (): void => end.abort(new DOMException('no answer in time', 'TimeoutError'));
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = timeoutMs === null ? null : setTimeout(onTimeout, timeoutMs);
    open.add(end);
    try {
      // The modem does not always settle (an answer that is cut off in its middle), so the signal settles for it.
      return await orAborted(call(end.signal), end.signal);
    } catch (thrown) {
      signal?.throwIfAborted();
      throw requestError(task, host, thrown);
    } finally {
      open.delete(end);
      signal?.removeEventListener('abort', onAbort);
      if (timer !== null) clearTimeout(timer);
    }
  };
  return {
    host,
    docker,
    ask,
    async *progress(task, call, signal) {
      const stream = await ask(task, call, { signal, timeoutMs: null });
      const stop = (): void => void stream.destroy(toError(signal.reason));
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      try {
        yield* jsonLines(stream, OBJECT_BYTES);
      } catch (thrown) {
        signal.throwIfAborted();
        throw requestError(task, host, thrown);
      } finally {
        signal.removeEventListener('abort', stop);
        stream.destroy();
      }
    },
    close() {
      for (const controller of open) controller.abort(new Error('the connection to the engine was closed'));
      agent.destroy();
    },
  };
}

/** The modem takes what it isn't given from `DOCKER_HOST` and its relatives; our configuration has decided already. */
const NOTHING_OF_THE_ENVIRONMENT = {
  host: undefined,
  port: undefined,
  socketPath: undefined,
  username: undefined,
  ca: undefined,
  cert: undefined,
  key: undefined,
  timeout: undefined,
  protocol: 'http',
} as const;

function addressOf(host: string): { readonly socketPath: string } | { readonly host: string; readonly port: string } {
  const socket = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
  if (socket !== undefined) return { socketPath: socket };
  const address = /^(?:tcp|http):\/\/(\[[0-9a-fA-F:]+\]|[^/:]+)(?::(\d+))?\/?$/.exec(host);
  if (address?.[1] === undefined)
    throw new ServiceError('config_invalid', `An engine's host is unix:///path or tcp://host:port, not ${host}.`);
  return { host: address[1], port: address[2] ?? '2375' };
}

/** Resolves with the answer's JSON. Rejects as `DockerClient.ask` does. */
export function askPodman(client: DockerClient, request: PodmanRequest, timeoutMs = REQUEST_MS): Promise<unknown> {
  const call = (abortSignal: AbortSignal): Promise<unknown> =>
    new Promise((resolve, reject) => {
      client.docker.modem.dial({ ...request, abortSignal }, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  return client.ask('other', call, { timeoutMs });
}

/** The promise's outcome, or the signal's reason as soon as that ends. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
