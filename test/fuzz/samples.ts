/** What fuzzing starts from: messages as they were recorded, and ours. */
import type { Message } from '../../src/messages/index.js';
import { recorded, recordedNames } from '../support/recorded.js';
import { oneOfEach } from '../support/samples.js';

/** Longer ones would only slow it down. */
const MAX_LENGTH = 20_000;

export function recordedMessages(): readonly Message[] {
  return recordedNames()
    .map(recorded)
    .filter((message) => JSON.stringify(message).length <= MAX_LENGTH);
}

/** Recorded ones that tell of a push, by their topics. */
export function recordedPushes(): readonly Message[] {
  return recordedMessages().filter(({ topic }) => /git\.receive|github\.push|gitlab\.|forgejo\.|gitea\./.test(topic));
}

export function messagesOfOurs(): readonly Message[] {
  return Object.values(oneOfEach());
}
