import type { WaveSettings } from '../rebuilds/index.js';

/** What the planner needs of the configuration; times in milliseconds. */
export interface PlannerSettings extends WaveSettings {
  /** Between two looks. */
  readonly lookEveryMs: number;
  /** A build must be seen abandoned twice, so long apart, over one unbroken connection (design, section 6). */
  readonly graceMs: number;
  /** A request that nobody has begun is asked for again after so long; doubles each time. */
  readonly unbegunMs: number;
  /** Longest time between two such asks. */
  readonly unbegunMaxMs: number;
  /** Attempts lost with their processes before the build fails. */
  readonly maxAttempts: number;
  /** Between two looks for what no message told; null: never, not even at the start. */
  readonly reconcileMs: number | null;
  /** Between two questions for the digest of an image that is not ours; null: they are not asked. */
  readonly pollMs: number | null;
  /** Such questions to one registry in a minute, at most. */
  readonly pollsPerMinute: number;
  /** Until a planner that is not the active one tries to become it. */
  readonly claimEveryMs: number;
}

export const PLANNER_DEFAULTS: PlannerSettings = {
  lookEveryMs: 5_000,
  graceMs: 20_000,
  unbegunMs: 60_000,
  unbegunMaxMs: 3_600_000,
  maxAttempts: 20,
  quietMs: 10_000,
  deadlineMs: 300_000,
  reconcileMs: 3_600_000,
  pollMs: 900_000,
  pollsPerMinute: 30,
  claimEveryMs: 2_000,
};
