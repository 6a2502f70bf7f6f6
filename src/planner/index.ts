/** The door of `planner`: what is missing is asked for, and who stands on whom. Waves of rebuilds, the sweeper, and who waits for a parent. */
export { type Edge, type Graph, type GraphNode, keyOf, type Stale } from './decide/graph.js';
export { openPlanner, type Planner, type PlannerParts } from './open.js';
export { readGraph } from './read-graph.js';
