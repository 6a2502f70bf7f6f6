import { hash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Bytes that a socket's path may have on every system that we run on (sun_path: 104 on macOS, 108 on Linux). */
const SOCKET_PATH_BYTES = 103;
/** Room for `/<pid>-<random>.sock`. */
const SOCKET_NAME_BYTES = 32;
/** A socket that refuses may be one that is just being opened; older than this, its process is gone. Milliseconds. */
const STALE_AFTER_MS = 5_000;
const RING = Buffer.from([1]);

/** The folder of the sockets: beside the file, or below the system's temporary folder where that path is too long. */
export function socketFolder(file: string): string {
  const beside = `${file}.d`;
  if (Buffer.byteLength(beside) + SOCKET_NAME_BYTES <= SOCKET_PATH_BYTES) return beside;
  return join(tmpdir(), `layerwright-${hash('sha256', file).slice(0, 16)}`);
}

/**
 * Wakes the other processes on the file, and is woken by them: one connection between any two, one byte a ring. It only
 * makes things quick: whatever fails here, the slow poll finds what there is.
 */
export class Waker {
  readonly #folder: string;
  readonly #path: string;
  readonly #onRing: () => void;
  readonly #server: Server;
  readonly #peers = new Set<Socket>();
  readonly #known = new Set<string>();
  #closed = false;

  constructor(file: string, onRing: () => void) {
    this.#folder = socketFolder(file);
    this.#path = join(this.#folder, `${process.pid}-${randomBytes(4).toString('hex')}.sock`);
    this.#onRing = onRing;
    this.#server = createServer((socket) => this.#meet(socket));
    this.#server.on('error', () => undefined);
  }

  /** Listens, and meets the processes that are there. Those that come later meet us. */
  async open(): Promise<void> {
    try {
      await this.#listen();
    } catch {
      // The folder of a bus that just closed may have gone between making it and listening in it.
      await this.#listen().catch(() => undefined);
    }
    await this.meetOthers();
  }

  /** Connects to every socket in the folder that we are not connected to; removes those that nobody listens on. */
  async meetOthers(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    await Promise.all(
      names
        .map((name) => join(this.#folder, name))
        .filter((path) => path.endsWith('.sock') && path !== this.#path && !this.#known.has(path))
        .map((path) => this.#connect(path)),
    );
  }

  /** Wakes every other process. */
  ring(): void {
    for (const peer of this.#peers) {
      // A process that does not read has a ring waiting already.
      if (peer.writableLength === 0) peer.write(RING);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const peer of this.#peers) peer.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await rm(this.#path, { force: true }).catch(() => undefined);
    // Stays when others are there.
    await rmdir(this.#folder).catch(() => undefined);
  }

  async #listen(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#path, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  async #connect(path: string): Promise<void> {
    const socket = connect(path);
    const fault = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      socket.once('connect', () => resolve(null));
      socket.once('error', resolve);
    });
    if (fault === null) {
      this.#known.add(path);
      socket.once('close', () => this.#known.delete(path));
      this.#meet(socket);
    } else if (fault.code === 'ECONNREFUSED') {
      await removeStale(path);
    }
  }

  #meet(socket: Socket): void {
    if (this.#closed) {
      socket.destroy();
      return;
    }
    this.#peers.add(socket);
    socket.on('data', () => this.#onRing());
    socket.on('error', () => undefined);
    socket.once('close', () => this.#peers.delete(socket));
  }
}

async function removeStale(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found !== null && Date.now() - found.mtimeMs > STALE_AFTER_MS)
    await rm(path, { force: true }).catch(() => undefined);
}
