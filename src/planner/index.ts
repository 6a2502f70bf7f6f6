/** The door of `planner`: what is missing is asked for. At first the sweeper alone. */
export { openPlanner, type Planner, type PlannerParts } from './open.js';
