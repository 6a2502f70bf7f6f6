import type { Build } from '../../messages/index.js';
import type { Found } from '../ports.js';
import type { Why } from './standing.js';

/** A build that a message of the past is about, and whether the replay of it makes it. */
export interface PlannedBuild extends Why {
  readonly component: string;
  readonly target: string;
  readonly commit: string;
  /** Id of the build that is asked for, or would have been; null where nothing gave it one. */
  readonly build: string | null;
  readonly will: boolean;
}

/** What becomes of one message of the past. */
export interface Entry {
  /** Id of the message. */
  readonly id: string;
  readonly topic: string;
  readonly line: number | null;
  /** ISO time; null where nobody says. */
  readonly at: string | null;
  /** `copy`: it is sent once more. `ask`: new requests are sent in its place. */
  readonly action: 'copy' | 'ask' | 'none';
  /** About the message as a whole; null where its builds say it all. */
  readonly why: Why | null;
  readonly builds: readonly PlannedBuild[];
}

/** An entry, and what is to be kept for the day of sending. */
export interface Taken {
  readonly entry: Entry;
  /** Builds that are asked for when the action is `ask`. */
  readonly asks: readonly Build[];
}

export function entryOf({ message, line, at }: Found, parts: Pick<Entry, 'action' | 'why' | 'builds'>): Entry {
  return { id: message.id, topic: message.topic, line, at: at?.toISOString() ?? null, ...parts };
}

export function plannedBuild(build: Build, will: boolean, why: Why): PlannedBuild {
  const { id, component, target, source } = build;
  return { component, target, commit: source.commit, build: id, will, ...why };
}
