import { CATALOG, MESSAGE_NAMES, type MessageBodies, type MessageName } from '../messages/index.js';

/** The name of a schema without its version. */
type WithoutVersion<Name> = Name extends `${infer Rest}.v${number}` ? Rest : never;

/** Short for one of our topics that a group can get, as `build.completed`: whatever the version of the schema. */
export type TopicName = Exclude<WithoutVersion<MessageName>, 'build.output'>;

/** Bodies of a topic's messages, in every version of the schema that this package knows. */
export type BodyOf<Wanted extends TopicName> = {
  [Name in MessageName]: WithoutVersion<Name> extends Wanted ? MessageBodies[Name] : never;
}[MessageName];

const VERSION = /\.v\d+$/;

/** The topic of a schema; null for one whose messages only pass: no group gets them. */
export function topicNameOf(schema: MessageName): TopicName | null {
  return CATALOG[schema].logged ? (schema.replace(VERSION, '') as TopicName) : null;
}

/** The schemas of a topic; none when no group can get it. */
export function schemasOf(name: string): readonly MessageName[] {
  return MESSAGE_NAMES.filter((schema) => topicNameOf(schema) === name);
}

/** Every topic that a group can get. */
export function topicNames(): readonly TopicName[] {
  return [...new Set(MESSAGE_NAMES.map(topicNameOf).filter((name) => name !== null))];
}
