import type { Bus } from '../bus/index.js';
import type { ProcessIdentity } from '../kernel/process.js';
import type { Ledger, Stream } from '../ledger/index.js';
import { type Logger, silentLogger } from '../observability/index.js';
import { type Clock, systemClock } from '../runtime/clock.js';
import type { PolledRegistry } from './poll-registry.js';
import type { ReconcilePorts } from './reconcile/index.js';
import { PLANNER_DEFAULTS, type PlannerSettings } from './settings.js';
import { PlannerWorker } from './worker.js';

export interface PlannerParts {
  readonly bus: Bus;
  readonly ledger: Ledger;
  /** Our prefix, as `org.example.prod`. */
  readonly prefix: string;
  readonly process: ProcessIdentity;
  /** Where they differ from the usual. */
  readonly settings?: Partial<PlannerSettings>;
  /** True for what is never rebuilt: of a closed target, retired. */
  readonly isOut?: (stream: Stream) => boolean;
  /** What no message told is found with these; without them it is not looked for. */
  readonly reconcile?: ReconcilePorts;
  /** Milliseconds after which an image of a target is made anew though nothing has changed; null: never. */
  readonly scheduleMs?: (target: string) => number | null;
  /** Where images that are not ours are asked for. */
  readonly registries?: readonly PolledRegistry[];
  readonly clock?: Clock;
  readonly log?: Logger;
}

export interface Planner {
  /** True while this process's planner is the one that works. */
  readonly active: boolean;
  /** Ends the work at hand and lets the next planner take over. */
  stop(): Promise<void>;
}

/** Begins to plan. Of all planners on a bus one works, the others wait for its claim; a bus that is away is waited for. */
export async function openPlanner(parts: PlannerParts): Promise<Planner> {
  const {
    isOut = () => false,
    scheduleMs = () => null,
    registries = [],
    reconcile = null,
    clock = systemClock,
    log = silentLogger,
  } = parts;
  const worker = new PlannerWorker({
    ...parts,
    settings: { ...PLANNER_DEFAULTS, ...parts.settings },
    isOut,
    reconcile,
    scheduleMs,
    registries,
    clock,
    log,
  });
  worker.begin();
  return worker;
}
