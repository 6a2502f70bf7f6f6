/** The door of `planner`: asks for what is missing. Waves of rebuilds, the sweeper, and who waits for a parent. */
export { openPlanner, type Planner, type PlannerParts } from './open.js';
