/** The door of `messages`: what travels, in our words and on the wire. */
export { CATALOG, MESSAGE_NAMES, type MessageName, nameOfTopic, topicOf } from './catalog.js';
export {
  type Composed,
  compose,
  decode,
  encode,
  type Ours,
  parseOurs,
  type RawMessage,
  type Undecodable,
} from './codec.js';
export { formatDump, parseDumpLine } from './dump.js';
export { HEADER, type Headers, type HeaderValue, type Message, type Severity } from './envelope.js';
export type * from './generated/bodies.js';
