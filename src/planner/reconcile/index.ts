/** The part of the planner that looks for what no message told. */
export type { Finding, Tally } from './findings.js';
export { noMemory } from './parts.js';
export { reconcile } from './pass.js';
export type { ReconcilePorts } from './ports.js';
export { keepReconciling } from './reconciler.js';
