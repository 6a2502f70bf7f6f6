/** A TCP proxy that spoils connections on demand, the living ones too. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Towards the server, or towards the client. */
export type Direction = 'up' | 'down';

export type Fault =
  /** Everything passes. */
  | { readonly kind: 'pass' }
  /** Connections stay open, and nothing passes in these directions: what is sent waits, as for a network that is down. */
  | { readonly kind: 'stuck'; readonly directions: readonly Direction[] }
  /** Everything passes late, and no faster than this. */
  | { readonly kind: 'slow'; readonly latencyMs: number; readonly bytesPerSecond: number }
  /** Living connections are reset, new ones too. */
  | { readonly kind: 'refuse' };

export const PASS: Fault = { kind: 'pass' };
export const BLACK_HOLE: Fault = { kind: 'stuck', directions: ['up', 'down'] };

/** Rewrites what the server sends over one connection; what it does not give, never comes. */
export type Rewrite = (chunk: Buffer) => Buffer;

export interface FaultyProxy {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** Living connections. */
  readonly connections: number;
  /** Connections so far. */
  readonly accepted: number;
  set(fault: Fault): void;
  /** Resets all living connections, by RST; new ones are served as before. */
  reset(): void;
  /** From now on the server's bytes on the living connections go through a rewrite of their own; new ones are not touched. */
  rewrite(make: () => Rewrite): void;
  close(): Promise<void>;
}

/** One connection through the proxy: both sockets, and what spoils it. */
class Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** With bytes on their late way, which later ones must not overtake, whatever the fault is by then. */
  readonly #late = new Set<Direction>();
  #fault: Fault;
  #rewrite: Rewrite | null = null;

  constructor(client: Socket, upstream: URL, fault: Fault, heard: Heard, onEnd: (pair: Pair) => void) {
    this.client = client;
    this.server = connect({ host: upstream.hostname, port: Number(upstream.port), noDelay: true });
    this.#fault = fault;
    client.setNoDelay(true);
    client.on('data', heard);
    this.#carry('up', client, this.server);
    this.#carry('down', this.server, client);
    for (const socket of [client, this.server]) {
      socket.on('error', () => this.reset());
      socket.on('close', () => {
        // A client whose way is stuck outlives its server: as long as one lives, it must hear of faults and of the end.
        if (client.destroyed && this.server.destroyed) onEnd(this);
      });
    }
    this.set(fault);
  }

  set(fault: Fault): void {
    this.#fault = fault;
    const stuck = fault.kind === 'stuck' ? fault.directions : [];
    for (const [direction, from] of [
      ['up', this.client],
      ['down', this.server],
    ] as const) {
      if (stuck.includes(direction)) from.pause();
      else if (!this.#late.has(direction)) from.resume();
    }
  }

  rewrite(rewrite: Rewrite): void {
    this.#rewrite = rewrite;
  }

  reset(): void {
    reset(this.client);
    reset(this.server);
  }

  #goOn(direction: Direction, from: Socket): void {
    const stuck = this.#fault.kind === 'stuck' && this.#fault.directions.includes(direction);
    if (!stuck) from.resume();
  }

  #carry(direction: Direction, from: Socket, to: Socket): void {
    let hasEnded = false;
    from.on('data', (chunk: Buffer) => {
      const bytes = direction === 'down' && this.#rewrite !== null ? this.#rewrite(chunk) : chunk;
      if (this.#fault.kind !== 'slow') {
        if (bytes.length > 0) to.write(bytes);
        return;
      }
      const { latencyMs, bytesPerSecond } = this.#fault;
      from.pause();
      this.#late.add(direction);
      setTimeout(
        () => {
          this.#late.delete(direction);
          if (bytes.length > 0 && to.writable) to.write(bytes);
          if (hasEnded) to.end();
          else this.#goOn(direction, from);
        },
        latencyMs + (bytes.length * 1000) / bytesPerSecond,
      );
    });
    // It comes to a paused socket too, and must not overtake what it ends.
    from.on('end', () => {
      hasEnded = true;
      if (!this.#late.has(direction)) to.end();
    });
  }
}

/** A socket that has said its end can't be reset: Node would keep its handle, and then never exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** Hears what clients send. */
export type Heard = (chunk: Buffer) => void;

/** A proxy before `upstream` (a URL with host and port). */
export async function startFaultyProxy(upstream: string, heard: Heard = () => undefined): Promise<FaultyProxy> {
  // A scheme that URL knows nothing of has no default port: what is written is what is meant.
  const target = new URL(upstream);
  const pairs = new Set<Pair>();
  let fault: Fault = PASS;
  let accepted = 0;
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (client) => {
    if (fault.kind === 'refuse') {
      reset(client);
      return;
    }
    accepted += 1;
    pairs.add(new Pair(client, target, fault, heard, (pair) => pairs.delete(pair)));
  });
  const resetAll = (): void => {
    for (const pair of pairs) pair.reset();
  };
  await listening(server);
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return pairs.size;
    },
    get accepted() {
      return accepted;
    },
    set: (next) => {
      fault = next;
      if (next.kind === 'refuse') resetAll();
      else for (const pair of pairs) pair.set(next);
    },
    reset: resetAll,
    rewrite: (make) => {
      for (const pair of pairs) pair.rewrite(make());
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      resetAll();
      await closed;
    },
  };
}

async function listening(server: Server): Promise<void> {
  const ready = once(server, 'listening');
  server.listen(0, '127.0.0.1');
  await ready;
}
