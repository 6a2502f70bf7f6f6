import { Agent } from 'node:http';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { ServiceError } from '../../kernel/service-error.js';
import { type EngineTask, requestError } from './engine-errors.js';

/** Milliseconds that a small request may take; an engine under load answers slowly, a dead one never. */
export const REQUEST_MS = 30_000;

interface Ends {
  readonly abortSignal: AbortSignal;
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
  info(options: Ends): Promise<{ readonly MemoryLimit?: boolean }>;
  buildImage(context: Readable, options: Ends & Readonly<Record<string, unknown>>): Promise<Readable>;
  getEvents(options: Ends & Readonly<Record<string, unknown>>): Promise<Readable>;
  listImages(
    options: Ends & { readonly filters: Readonly<Record<string, readonly string[]>> },
  ): Promise<readonly { readonly Id: string; readonly Labels?: Readonly<Record<string, string>> | null }[]>;
  getImage(name: string): {
    inspect(options: Ends): Promise<{ readonly Id: string; readonly Size: number }>;
    history(): Promise<readonly { readonly CreatedBy?: string }[]>;
    push(options: Ends & { readonly authconfig: Readonly<Record<string, string>> }): Promise<Readable>;
    tag(options: Ends & { readonly repo: string; readonly tag: string }): Promise<unknown>;
    remove(options: Ends & { readonly force?: boolean }): Promise<unknown>;
  };
  getContainer(id: string): { remove(options: Ends & { readonly v: boolean }): Promise<unknown> };
}

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
  close(): void;
}

/** `host`: `unix:///path`, or `tcp://host:port` without TLS. Throws `config_invalid` for anything else. */
export function openClient(host: string): DockerClient {
  // A connection for each request: one that was kept would be found dead only when it is used, after the engine's restart.
  const agent = new Agent({ keepAlive: false });
  const options = { ...NOTHING_OF_THE_ENVIRONMENT, ...addressOf(host), agent };
  const docker = new Docker(options as Docker.DockerOptions) as unknown as DockerApi;
  const open = new Set<AbortController>();
  return {
    host,
    docker,
    async ask(task, call, { signal, timeoutMs = REQUEST_MS } = {}) {
      signal?.throwIfAborted();
      const closing = new AbortController();
      open.add(closing);
      const ends = [closing.signal, ...(signal ? [signal] : [])];
      if (timeoutMs !== null) ends.push(AbortSignal.timeout(timeoutMs));
      try {
        // The modem does not always settle (an answer that is cut off in its middle), so the signal settles for it.
        const end = AbortSignal.any(ends);
        return await orAborted(call(end), end);
      } catch (thrown) {
        signal?.throwIfAborted();
        throw requestError(task, host, thrown);
      } finally {
        open.delete(closing);
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
