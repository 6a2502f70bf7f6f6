import type { Bus } from '../../bus/index.js';
import type { Ledger, Stream } from '../../ledger/index.js';
import type { Graph } from '../../rebuilds/index.js';
import type { Clock } from '../../runtime/clock.js';
import type { Finding } from './findings.js';
import type { ReconcilePorts } from './ports.js';
import type { Scope } from './scope.js';

/** What a pass works with. */
export interface PassParts {
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly prefix: string;
  readonly clock: Clock;
  /** True for what is never rebuilt: of a closed target, retired. */
  readonly isOut: (stream: Stream) => boolean;
  readonly ports: ReconcilePorts;
}

/** What one pass knows of those before it. */
export interface PassMemory {
  /** The two commits between which nothing touched a component, by component, target and ref. */
  readonly untouched: Map<string, string>;
  /** When the names of a build were asked for, by its id; monotonic milliseconds. */
  readonly asked: Map<string, number>;
}

export interface Pass {
  readonly scope: Scope;
  /** Tells what would be asked for, and asks for nothing. */
  readonly dryRun: boolean;
  readonly memory: PassMemory;
  readonly signal: AbortSignal;
  readonly graph: () => Graph;
  readonly onFinding: (finding: Finding) => void;
}

export function noMemory(): PassMemory {
  return { untouched: new Map(), asked: new Map() };
}
