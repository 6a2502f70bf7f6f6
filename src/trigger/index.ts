/** The door of `trigger`: pushes in, requests out; and the same decisions for a person who asks. */
export { gitPaths } from './adapters/git-paths.js';
export { buildOf, pushCause } from './decide/body.js';
export type { Candidate, Decision, NotBuilt } from './decide/builds.js';
export { extractPush } from './decide/extract.js';
export { findRepository } from './decide/find.js';
export type { Push, Refusal, RefusalCode } from './decide/push.js';
export {
  explainPush,
  findPlaces,
  type PersonsRequest,
  type Place,
  type PlaceQuery,
  requestBuild,
} from './decide/request.js';
export { type Foreseen, foresee } from './foresee.js';
export type { ChangedPaths } from './ports.js';
export type { ComponentRule, SourceRule, TriggerSettings, TriggerTarget } from './settings.js';
export { openTrigger, type Trigger, type TriggerParts } from './worker.js';
