/** The embedded engine: one SQLite file that any number of processes of one machine open. */
import { randomUUID } from 'node:crypto';
import { Releasers } from '../../runtime/releasers.js';
import type { Topology } from '../contract.js';
import { EmbeddedBus } from './bus.js';
import { Leases } from './claims.js';
import { Router } from './deliveries.js';
import { Bell, type Engine, type OnFault } from './engine.js';
import { Listeners } from './listeners.js';
import { canonicalPath, closeFile, openFile } from './open-file.js';
import { pruneUntil } from './prune.js';
import { machineTicks, SteadyClock } from './steady-clock.js';
import { Waker } from './wake.js';
import { watchFile } from './watch.js';
import { Writer } from './writer.js';

export interface EmbeddedOptions {
  /** Gets faults that have no caller. By default they are warnings of the process. */
  readonly onFault?: OnFault;
  /** The wall clock, in milliseconds. */
  readonly now?: () => number;
  /** Milliseconds of a clock that never jumps, alike in all processes of the machine. */
  readonly ticks?: () => number;
}

/**
 * Opens the file (its folder must be there), or makes it. Throws `bus_unavailable`, `bus_incompatible`.
 *
 * A message id (with `again`) is delivered once for as long as the message is kept: in `ours` for ever, in `git` within
 * its retention, elsewhere for two minutes.
 */
export async function openEmbeddedBus(
  path: string,
  topology: Topology,
  options: EmbeddedOptions = {},
): Promise<EmbeddedBus> {
  const releasers = new Releasers();
  try {
    const engine = await openEngine(await canonicalPath(path), topology, options, releasers);
    const leases = new Leases(engine);
    await leases.open();
    releasers.push('the leases of the bus', () => leases.close());
    const listeners = new Listeners(engine);
    releasers.push('the listeners of the bus', () => listeners.close());
    const stopPruning = new AbortController();
    const pruning = pruneUntil(engine, topology.gitLog, stopPruning.signal);
    releasers.push('the pruning of the bus', () => {
      stopPruning.abort();
      return pruning;
    });
    return new EmbeddedBus(engine, topology, leases, listeners, releasers);
  } catch (thrown) {
    await releasers.release().catch(() => undefined);
    throw thrown;
  }
}

async function openEngine(
  path: string,
  topology: Topology,
  options: EmbeddedOptions,
  releasers: Releasers,
): Promise<Engine> {
  const db = await openFile(path, topology.groups);
  releasers.push('the bus file', () => closeFile(db));
  const bell = new Bell();
  const waker = new Waker(path, () => bell.ring());
  releasers.push('the socket of the bus', () => waker.close());
  const writer = new Writer(db, path, () => {
    bell.ring();
    waker.ring();
  });
  releasers.push('the writer of the bus', () => writer.close());
  const now = options.now ?? (() => Date.now());
  const engine: Engine = {
    path,
    id: randomUUID(),
    db,
    writer,
    router: new Router(),
    bell,
    onFault: options.onFault ?? ((error) => process.emitWarning(error)),
    now,
    steady: new SteadyClock(now, options.ticks ?? machineTicks),
  };
  await waker.open();
  const stopWatching = await watchFile(engine, () => waker.meetOthers());
  releasers.push('the watch on the bus file', stopWatching);
  return engine;
}
