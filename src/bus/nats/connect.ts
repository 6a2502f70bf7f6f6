import { readFileSync } from 'node:fs';
import {
  type Authenticator,
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  Events,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from 'nats';
import { LIMITS } from '../../kernel/limits.js';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { type NatsSettings, placeOf } from '../settings.js';
import { API, isForbidden, isNoResponders, isTimeout, natsFault } from './faults.js';

/** How long one connection, and one answer of JetStream, may take; milliseconds. */
const CONNECT_MS = 2_000;
const API_MS = 5_000;
/** A silent peer is given up after two of these; milliseconds. */
const PING_MS = 10_000;
/** Pauses between tries to come back; milliseconds. */
const RECONNECT = { first: 100, longest: 5_000 } as const;

const OLDEST_SERVER = { major: 2, minor: 9 } as const;

/** The connection that all parts of a bus share. It comes back by itself, for ever. */
export class Link {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly place: string;
  readonly #onFault: (error: Error) => void;
  readonly #onBreak = new Set<() => void>();
  readonly #onReturn = new Set<() => void>();
  #breaks = 0;
  #up = true;
  #closed = false;

  constructor(nc: NatsConnection, jsm: JetStreamManager, place: string, onFault: (error: Error) => void) {
    this.nc = nc;
    this.jsm = jsm;
    this.js = nc.jetstream({ timeout: API_MS });
    this.place = place;
    this.#onFault = onFault;
    void this.#watch().catch((thrown: unknown) => this.fault(thrown));
    void nc.closed().then((thrown) => {
      this.#up = false;
      if (!this.#closed && thrown instanceof Error) this.fault(thrown);
      this.#closed = true;
    });
  }

  /** How often the connection broke. */
  get breaks(): number {
    return this.#breaks;
  }

  get up(): boolean {
    return this.#up;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Passes on an error of somebody's own code. */
  report(error: Error): void {
    this.#onFault(error);
  }

  /** Reports a fault of the server or the connection that has no caller. */
  fault(thrown: unknown): void {
    this.#onFault(natsFault(thrown, this.place));
  }

  /** Our error of what the client threw. */
  errorOf(thrown: unknown): ServiceError {
    return natsFault(thrown, this.place);
  }

  /** Asks JetStream's API what the client has no function for. Throws what the client would. */
  async askApi<T>(subject: string, request: unknown): Promise<T> {
    const answer = await this.nc.request(`$JS.API.${subject}`, JSON.stringify(request), { timeout: API_MS });
    const parsed = answer.json<{ error?: { description: string } }>();
    if (parsed.error) throw Object.assign(new Error(parsed.error.description), { api_error: parsed.error });
    return parsed as T;
  }

  /** Calls when the connection breaks. Gives the way to stop. */
  onBreak(hear: () => void): () => void {
    this.#onBreak.add(hear);
    return () => this.#onBreak.delete(hear);
  }

  /** Calls when the connection is back. Gives the way to stop. */
  onReturn(hear: () => void): () => void {
    this.#onReturn.add(hear);
    return () => this.#onReturn.delete(hear);
  }

  /** Resolves when the connection is up; throws `bus_unavailable` when it is closed, or not up within `patienceMs`. */
  async whenUp(patienceMs: number): Promise<void> {
    if (this.#up && !this.#closed) return;
    if (!this.#closed && patienceMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, patienceMs);
        const stop = this.onReturn(done);
        function done(): void {
          clearTimeout(timer);
          stop();
          resolve();
        }
      });
    }
    if (this.#closed) throw new ServiceError('bus_unavailable', 'the bus is closed');
    if (!this.#up) {
      throw new ServiceError('bus_unavailable', `the NATS server at ${this.place} is disconnected`, {
        transient: true,
      });
    }
  }

  /** From here on nothing new is begun. */
  markClosed(): void {
    this.#closed = true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.nc.isClosed()) return;
    // Draining waits for the server; one that is away has nothing to be told.
    if (this.#up) await this.nc.drain().catch(() => this.nc.close());
    else await this.nc.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === Events.Disconnect) this.#broken();
      else if (status.type === Events.Reconnect) this.#returned();
      else if (status.type === Events.Error) {
        this.fault(
          Object.assign(new Error(String(status.data)), {
            code: status.data,
            permissionContext: status.permissionContext,
          }),
        );
      }
    }
  }

  #broken(): void {
    this.#breaks += 1;
    this.#up = false;
    for (const hear of this.#onBreak) hear();
  }

  #returned(): void {
    this.#up = true;
    for (const hear of this.#onReturn) hear();
  }
}

/** Connects, and sees that the server is one that we can use. Throws `bus_unavailable`, `bus_denied`, `bus_incompatible`. */
export async function openLink(settings: NatsSettings, onFault: (error: Error) => void): Promise<Link> {
  const place = placeOf(settings);
  let nc: NatsConnection;
  try {
    nc = await connect(optionsOf(settings, onFault));
  } catch (thrown) {
    // The server judges our certificate when the client counts the handshake as done; the client then only waits.
    if (isTimeout(thrown)) {
      const why = wantsTls(settings)
        ? 'it is away, or refuses our client certificate or the lack of one (tls.cert, tls.key)'
        : 'it is away, or no NATS server listens at that port';
      const text = `the NATS server at ${place} does not answer: ${why}`;
      throw new ServiceError('bus_unavailable', text, { transient: true, cause: thrown });
    }
    throw natsFault(thrown, place);
  }
  try {
    checkServer(nc, place);
    const jsm = await nc.jetstreamManager({ timeout: API_MS, checkAPI: false });
    await checkJetStream(jsm);
    return new Link(nc, jsm, place, onFault);
  } catch (thrown) {
    await nc.close();
    throw natsFault(thrown, place);
  }
}

function optionsOf(settings: NatsSettings, onFault: (error: Error) => void): ConnectionOptions {
  let tries = 0;
  return {
    servers: settings.servers.map(addressOf),
    name: 'layerwright',
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    reconnectDelayHandler: () => {
      tries += 1;
      const longest = Math.min(RECONNECT.longest, RECONNECT.first * 2 ** (tries % 8));
      return longest / 2 + Math.random() * (longest / 2);
    },
    ...authenticatorOf(settings, onFault),
    ...(wantsTls(settings) ? { tls: tlsOf(settings) } : {}),
  };
}

function wantsTls({ tls, servers }: NatsSettings): boolean {
  return tls !== null || servers.some((server) => /^(tls|wss):/i.test(server));
}

function tlsOf({ tls }: NatsSettings): NonNullable<ConnectionOptions['tls']> {
  return {
    ...(tls?.ca ? { caFile: tls.ca } : {}),
    ...(tls?.cert ? { certFile: tls.cert } : {}),
    ...(tls?.key ? { keyFile: tls.key } : {}),
  };
}

/** Host and port. The client takes neither user nor TLS from a URL, and would look for a host named `tls`. */
function addressOf(server: string): string {
  return server
    .replace(/^(?:nats|tls):\/\//i, '')
    .replace(/^([a-z]+:\/\/)?[^@/]*@/i, '$1')
    .replace(/([^/])\/.*$/, '$1');
}

/** Files are read at each connection, so that a password may change; one that can't be read then leaves the last one. */
function authenticatorOf(settings: NatsSettings, onFault: (error: Error) => void): { authenticator?: Authenticator } {
  const { credentials } = settings;
  if (credentials === null) {
    const user = settings.servers.map(userOf).find((found) => found !== null);
    return user ? { authenticator: usernamePasswordAuthenticator(user.name, user.password) } : {};
  }
  if ('tokenFile' in credentials) {
    return { authenticator: tokenAuthenticator(secret(credentials.tokenFile, onFault)) };
  }
  if ('credsFile' in credentials) {
    const read = secret(credentials.credsFile, onFault);
    return { authenticator: credsAuthenticator(() => new TextEncoder().encode(`${read()}\n`)) };
  }
  return {
    authenticator: usernamePasswordAuthenticator(
      secret(credentials.userFile, onFault),
      secret(credentials.passwordFile, onFault),
    ),
  };
}

function secret(path: string, onFault: (error: Error) => void): () => string {
  let last = read(path);
  return () => {
    try {
      last = read(path);
    } catch (thrown) {
      onFault(toError(thrown));
    }
    return last;
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new ServiceError('bus_denied', `the credentials file ${path} can't be read`, { cause });
  }
}

function userOf(server: string): { readonly name: string; readonly password: string } | null {
  try {
    const { username, password } = new URL(server);
    return username === '' ? null : { name: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    return null;
  }
}

function checkServer({ info }: NatsConnection, place: string): void {
  const version = info?.version ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST_SERVER.major || (major === OLDEST_SERVER.major && minor < OLDEST_SERVER.minor)) {
    const oldest = `${OLDEST_SERVER.major}.${OLDEST_SERVER.minor}`;
    throw new ServiceError(
      'bus_incompatible',
      `the NATS server at ${place} is ${version}; at least ${oldest} is needed`,
    );
  }
  const most = info?.max_payload ?? 0;
  if (most < LIMITS.messageBytes) {
    throw new ServiceError(
      'bus_incompatible',
      `the NATS server at ${place} takes messages of ${most} bytes at most; set max_payload to 2MB`,
    );
  }
}

/** A user who may not ask about the account may still be one who can work. */
async function checkJetStream(jsm: JetStreamManager): Promise<void> {
  try {
    await jsm.getAccountInfo();
  } catch (thrown) {
    if (isNoResponders(thrown)) throw Object.assign(toError(thrown), { api_error: { err_code: API.notEnabled } });
    if (isForbidden(thrown)) return;
    throw thrown;
  }
}
