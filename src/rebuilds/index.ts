/** The door of `rebuilds`: who stands on whom, what is out of date, and what is to be rebuilt. Reads the ledger, publishes nothing. */
export { type Edge, type EndedBuild, type Graph, type GraphNode, keyOf, type Stale } from './decide/graph.js';
export type { Rebuild } from './decide/rebuild.js';
export type { Ask, Stop, WaveView } from './decide/standing.js';
export { type Closing, type Opening, planWaves } from './decide/waves.js';
export { Picture } from './picture.js';
export { readGraph } from './read-graph.js';
export { buildOf, buildOfRebuild, requestOf } from './requests.js';
export type { WaveSettings } from './settings.js';
