import type { Severity } from './envelope.js';
import type { MessageBodies } from './generated/bodies.js';

/** A kind of message that is ours: the name of its schema. */
export type MessageName = keyof MessageBodies;

export interface MessageKind {
  /** Topic without the prefix. */
  readonly topic: string;
  readonly severity: Severity;
  /** False for live lines and commands of the moment: such a message is in no log. */
  readonly logged: boolean;
}

/** Every message that we publish. An incompatible change is a new name beside the old one. */
export const CATALOG: Readonly<Record<MessageName, MessageKind>> = {
  'build.requested.v1': { topic: 'container.build.requested', severity: 'info', logged: true },
  'build.requested.cascade.v1': { topic: 'container.build.requested.cascade', severity: 'info', logged: true },
  'build.skipped.v1': { topic: 'container.build.skipped', severity: 'info', logged: true },
  'build.started.v1': { topic: 'container.build.started', severity: 'info', logged: true },
  'build.completed.v1': { topic: 'container.build.completed', severity: 'info', logged: true },
  'build.failed.v1': { topic: 'container.build.failed', severity: 'error', logged: true },
  'build.canceled.v1': { topic: 'container.build.canceled', severity: 'warning', logged: true },
  'build.cancel.v1': { topic: 'container.build.cancel', severity: 'info', logged: true },
  'wave.opened.v1': { topic: 'container.wave.opened', severity: 'info', logged: true },
  'wave.closed.v1': { topic: 'container.wave.closed', severity: 'info', logged: true },
  'build.output.v1': { topic: 'container.build.output', severity: 'debug', logged: false },
};

export const MESSAGE_NAMES = Object.keys(CATALOG) as readonly MessageName[];

const BY_TOPIC = new Map(MESSAGE_NAMES.map((name) => [CATALOG[name].topic, name]));

/** The full topic of a kind of message under a prefix. */
export function topicOf(prefix: string, name: MessageName): string {
  return `${prefix}.${CATALOG[name].topic}`;
}

/** Which of our kinds a topic names; null for every other topic. */
export function nameOfTopic(prefix: string, topic: string): MessageName | null {
  if (!topic.startsWith(`${prefix}.`)) return null;
  return BY_TOPIC.get(topic.slice(prefix.length + 1)) ?? null;
}
