import type { Bus } from '../bus/index.js';
import type { ProcessIdentity } from '../kernel/process.js';
import type { Ledger, Stream } from '../ledger/index.js';
import type { Logger } from '../observability/index.js';
import type { Clock } from '../runtime/clock.js';
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
  readonly clock: Clock;
  readonly log: Logger;
}
