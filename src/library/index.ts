/** The door of `library`: what programs beside the service need. */
export type { BusAddress, TlsAddress } from './address.js';
export { type DownstreamBus, type DownstreamOptions, type Groups, openBus } from './open.js';
export { drop, type Ending, type Reaction, type Reactions, type ReactOptions, reactTo, retry } from './react.js';
export type { BodyOf, TopicName } from './topic-names.js';
