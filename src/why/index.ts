/** The door of `why`: what led to a build, an image or a message's end, and the rule that said no. Publishes nothing. */
export type { Ids, Reason, ReasonKind } from './decide/reason.js';
export { type Answers, explain, type WhyParts } from './explain.js';
export type { Foreseen, FoundMessage, OtherLogs } from './ports.js';
