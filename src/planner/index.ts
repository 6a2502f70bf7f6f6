/** The door of `planner`: asks for what is missing. Waves of rebuilds, the sweeper, who waits for a parent, and reconcile. */

export { openPlanner, type Planner, type PlannerParts } from './open.js';
export { type Finding, noMemory, type ReconcilePorts, reconcile, type Tally } from './reconcile/index.js';
export { type SeenNow, seeNow } from './watch-now.js';
