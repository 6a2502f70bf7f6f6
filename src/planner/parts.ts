import type { Bus } from '../bus/index.js';
import type { ProcessIdentity } from '../kernel/process.js';
import type { Ledger, Stream } from '../ledger/index.js';
import type { Logger } from '../observability/index.js';
import type { Clock } from '../runtime/clock.js';
import type { PolledRegistry } from './poll-registry.js';
import type { ReconcilePorts } from './reconcile/index.js';
import type { PlannerSettings } from './settings.js';

/** What the planner works with. */
export interface WorkerParts {
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly prefix: string;
  readonly process: ProcessIdentity;
  readonly settings: PlannerSettings;
  /** True for what is never rebuilt: of a closed target, retired. */
  readonly isOut: (stream: Stream) => boolean;
  /** Null: only messages are listened to. */
  readonly reconcile: ReconcilePorts | null;
  /** Milliseconds after which an image of a target is made anew though nothing has changed; null: never. */
  readonly scheduleMs: (target: string) => number | null;
  /** Where images that are not ours are asked for; none: nowhere. */
  readonly registries: readonly PolledRegistry[];
  readonly clock: Clock;
  readonly log: Logger;
}
