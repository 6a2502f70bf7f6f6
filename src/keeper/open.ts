import { type KeeperParts, KeeperWorker } from './worker.js';

/** A keeper at work. */
export interface Keeper {
  /** Ends the round at hand after the thing at hand; resolves when it has ended. */
  stop(): Promise<void>;
}

/** Begins to keep house: of all keepers on a machine one works at a time, and of all on a bus one on the registries. */
export function openKeeper(parts: KeeperParts): Keeper {
  const worker = new KeeperWorker(parts);
  worker.begin();
  return worker;
}
