/** When the engine is asked to build: stands before its socket. */
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from '../src/runtime/clock.js';
import type { ServiceFolder } from '../test/support/service.js';
import { latch } from '../test/support/until.js';

/** At most one commit in so long; milliseconds. */
const REQUEST_EVERY_MS = 1_000;
const SETTLE_MS = 200;
const DEADLINE_MS = 15_000;

/** Stands before the engine's socket and notes when a build is asked for. Both sides go through it. */
export class EngineTap {
  readonly path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Who waits for the next build request; it gets `performance.now()`. */
  #onBuild: (at: number) => void = () => undefined;

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  static async open(engine: string): Promise<EngineTap> {
    const path = join(tmpdir(), `layerwright-tap-${process.pid}.sock`);
    await rm(path, { force: true });
    const server = createServer((inward) => {
      const outward = connect(engine);
      inward.on('data', (chunk) => {
        if (/^POST \S*\/build\b/.test(chunk.toString('latin1', 0, 64))) tap.#onBuild(performance.now());
      });
      inward.pipe(outward).pipe(inward);
      for (const socket of [inward, outward]) {
        tap.#sockets.add(socket);
        socket.on('error', () => socket.destroy()).on('close', () => tap.#sockets.delete(socket));
      }
    });
    const tap = new EngineTap(path, server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return tap;
  }

  get url(): string {
    return `unix://${this.path}`;
  }

  /** Milliseconds from a push message to the engine's build request; ends when the build has, and its second is over. */
  async timeRequest(service: ServiceFolder, files: Readonly<Record<string, string>>): Promise<number> {
    const commit = await service.commit('request', files);
    const asked = latch<number>();
    this.#onBuild = asked.open;
    // Nothing else may run in what is measured: the making of the commit still does for a moment.
    await pause(SETTLE_MS);
    const began = performance.now();
    await service.announce('request', commit);
    const took = (await orLate(asked.opened)) - began;
    await service.said(commit, 'completed');
    await pause(Math.max(0, REQUEST_EVERY_MS - (performance.now() - began)));
    return took;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }
}

/** Waits without looking again and again: that would take the processor from what is measured. */
async function orLate(asked: Promise<number>): Promise<number> {
  const over = new AbortController();
  const late = pause(DEADLINE_MS, over.signal).then(() => null);
  const at = await Promise.race([asked, late]);
  over.abort();
  if (at === null) throw new Error(`the engine was not asked for a build in ${DEADLINE_MS} ms`);
  return at;
}
