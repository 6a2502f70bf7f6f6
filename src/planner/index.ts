/** The door of `planner`: what is missing is asked for. At first the sweeper, and who waits for a parent. */
export { openPlanner, type Planner, type PlannerParts } from './open.js';
