/** The door of `replay`: messages of the past, decided upon and sent once more. */
export { archiveClient } from './adapters/archive-client.js';
export { archiveSource, archiveUrl } from './adapters/datagrepper.js';
export { dumpSource } from './adapters/dump.js';
export { inOrder, logSource } from './adapters/logs.js';
export type { Entry, PlannedBuild } from './decide/entry.js';
export type { Plan } from './decide/plan.js';
export { makePlan } from './make-plan.js';
export type { Foresight, Found, Lineage, Source, SourceTold } from './ports.js';
export { type SendOutcome, sendPlan } from './send.js';
export type { PlanSettings } from './settings.js';
export { Spool } from './spool.js';
