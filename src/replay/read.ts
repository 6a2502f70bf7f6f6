import { buildId } from '../kernel/ids.js';
import { type Build, type Message, type MessageName, nameOfTopic, parseOurs } from '../messages/index.js';
import type { Reading } from './decide/reading.js';
import type { Foresight } from './ports.js';

export interface Reader {
  readonly prefix: string;
  /** Whether the trigger listens to a topic. */
  readonly isListenedTo: (topic: string) => boolean;
  readonly foresight: Foresight;
}

/** Requests and commands; all others of ours tell what was done. */
const SENT_AGAIN: ReadonlySet<MessageName> = new Set([
  'build.requested.v1',
  'build.requested.cascade.v1',
  'build.cancel.v1',
]);

/** What a message of the past is. */
export async function readMessage(message: Message, { prefix, isListenedTo, foresight }: Reader): Promise<Reading> {
  const name = nameOfTopic(prefix, message.topic);
  if (name !== null && !SENT_AGAIN.has(name)) return { kind: 'told', what: name.replace(/\.v\d+$/, '') };
  const ours = parseOurs(prefix, message);
  if (ours?.ok === false) return { kind: 'invalid', reason: ours.error };
  switch (ours?.value.name) {
    case 'build.requested.v1':
    case 'build.requested.cascade.v1':
      return requestOf(ours.value.body.build);
    case 'build.cancel.v1':
      return { kind: 'command', build: ours.value.body.build };
  }
  const foreseen = await foresight.foresee(message);
  if (foreseen.kind === 'no_push') return { kind: 'foreign', reason: 'neither ours nor a push' };
  if (!isListenedTo(message.topic)) {
    return { kind: 'foreign', reason: `a push, but no pattern of \`git_topics\` takes ${message.topic}` };
  }
  return { kind: 'push', foreseen };
}

/** A request whose id is not the one that its own inputs give would be skipped by every ledger. */
function requestOf(build: Build): Reading {
  const { component, target, kind, source, build_args: buildArgs, cause } = build;
  const computed = buildId({ component, target, commit: source.commit, kind, buildArgs, causeKey: cause.key });
  return computed === build.id
    ? { kind: 'request', build }
    : { kind: 'invalid', reason: `/build/id is ${build.id}, but the build’s own inputs give ${computed}` };
}
