/** The door of `rebuilds`: who stands on whom, what is out of date, and what is to be rebuilt. Reads the ledger, publishes nothing. */
export {
  type ByWhom,
  buildByHand,
  readAsOf,
  readBasis,
  readDependents,
  readFailed,
} from './by-hand.js';
export {
  type Basis,
  type Failed,
  type HandAsk,
  type HandNot,
  type HandPlan,
  type Head,
  type ImageName,
  type Named,
  needsHead,
  planFailed,
  planNamed,
} from './decide/by-hand.js';
export { holdTheSame } from './decide/edges.js';
export type { Graph } from './decide/graph.js';
export { type Edge, type EndedBuild, type GraphNode, keyOf, type Sighting } from './decide/node.js';
export type { Opening } from './decide/opening.js';
export { type Rebuild, rebuildOf } from './decide/rebuild.js';
export type { Stale } from './decide/stale.js';
export type { Ask, Stop, WaveView } from './decide/standing.js';
export { type Closing, WavePlanner } from './decide/waves.js';
export { type Outside, outsideOf, Picture } from './picture.js';
export { type Around, readAround } from './read-around.js';
export { readGraph } from './read-graph.js';
export { buildOf, buildOfRebuild, requestOf } from './requests.js';
export type { WaveSettings } from './settings.js';
