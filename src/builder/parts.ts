import type { Bus } from '../bus/index.js';
import type { Git } from '../git/index.js';
import type { Ledger } from '../ledger/index.js';
import type { Logger, Metrics } from '../observability/index.js';
import type { Registry } from '../registry/index.js';
import type { Clock } from '../runtime/clock.js';
import type { PooledEngine } from './engine-room.js';
import type { BuildLogs } from './ports.js';

/** What the composition root hands to the builder. All of it stays the root's to close. */
export interface BuilderParts {
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly git: Git;
  /** By name in the configuration. */
  readonly registries: ReadonlyMap<string, Registry>;
  readonly engines: readonly PooledEngine[];
  readonly logs: BuildLogs;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}
