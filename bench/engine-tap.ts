/** When the engine is asked to build: stands before its socket. */
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from '../src/runtime/clock.js';
import type { ServiceFolder } from '../test/support/service.js';
import { until } from '../test/support/until.js';

/** At most one commit in so long. */
const REQUEST_EVERY_MS = 1_000;

/** Stands before the engine's socket and notes when a build is asked for. Both sides go through it. */
export class EngineTap {
  readonly path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #lastBuildAt: number | null = null;

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
        if (/^POST \S*\/build\b/.test(chunk.toString('latin1', 0, 64))) tap.#lastBuildAt = performance.now();
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
    const began = performance.now();
    this.#lastBuildAt = null;
    await service.announce('request', commit);
    const took = (await until('the engine is asked', () => this.#lastBuildAt)) - began;
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
