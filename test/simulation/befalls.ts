/** The larger faults: what befalls a process, or a whole side of the world. */
import type { Side } from './faults.js';
import type { Random } from './random.js';

export type Fault =
  | FaultOfProcess
  | { readonly kind: 'away'; readonly side: Exclude<Side, 'bus'>; readonly ms: number };

export type FaultOfProcess =
  /** SIGKILL: gone in the middle of whatever it did; another process comes in its place. */
  | { readonly kind: 'crash'; readonly of: Victim; readonly ms: number }
  /** SIGSTOP, then SIGCONT. */
  | { readonly kind: 'stand'; readonly of: Victim; readonly ms: number }
  | { readonly kind: 'cut'; readonly of: Victim; readonly ms: number; readonly atOnce: boolean }
  /** SIGTERM. */
  | { readonly kind: 'terminate'; readonly of: Victim; readonly ms: number };

export interface Victim {
  readonly role: 'builder' | 'planner' | 'trigger';
  readonly number: number;
}

/** What befalls a world, and when: before the step with that number. */
export interface Befalls {
  readonly step: number;
  readonly fault: Fault;
}

export function drawFault(random: Random, of: Victim): Fault {
  const ms = random.pick([200, 4_000, 15_000, 60_000]);
  switch (random.below(6)) {
    case 0:
    case 1:
      return { kind: 'crash', of, ms };
    case 2:
      return { kind: 'stand', of, ms };
    case 3:
      return { kind: 'cut', of, ms: Math.min(ms, 15_000), atOnce: random.chance(0.5) };
    case 4:
      return { kind: 'terminate', of, ms };
    default:
      return { kind: 'away', side: random.pick(['registry', 'engine', 'git']), ms };
  }
}
