import { type Bus, openBus as openAnyBus, type Topology } from '../bus/index.js';
import { ServiceError } from '../kernel/service-error.js';
import { topicOf } from '../messages/index.js';
import { type BusAddress, settingsOf } from './address.js';
import { schemasOf, type TopicName, topicNames } from './topic-names.js';

/** Group name → the topics whose messages wait for it. */
export type Groups = Readonly<Record<string, readonly TopicName[]>>;

export interface DownstreamOptions<Mine extends Groups> {
  /** The service's prefix, as `org.example.prod`. */
  readonly prefix: string;
  /**
   * Groups of yours. From the first opening on the bus keeps their messages, also while none of your processes lives. A
   * name is a word of `a-z 0-9 - _`, of at most 64 characters, and none of the service's own.
   */
  readonly groups?: Mine;
  /** Gets faults that have no caller. By default they are warnings of the process. */
  readonly onFault?: (error: Error) => void;
}

/** A bus, and what it was opened with. */
export interface DownstreamBus<Mine extends Groups = Groups> extends Bus {
  readonly prefix: string;
  readonly groups: Mine;
}

/** Groups of the service, each with what follows a dot: whoever joined one would take its messages away. */
const OF_THE_SERVICE: ReadonlySet<string> = new Set(['trigger', 'builder', 'planner', 'updater', 'replay', 'gateway']);
const GROUP = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const PREFIX = /^[A-Za-z0-9_-]{1,120}(\.[A-Za-z0-9_-]{1,120})*$/;
const PREFIX_LENGTH = 120;

/**
 * Opens a bus for a program beside the service. It declares the groups given and the log of our messages, nothing else:
 * no group of the service, no log of pushes (so `read` and `follow` know `ours` and `dead`). Throws `usage` for
 * what is wrong with the arguments, `bus_unavailable`, `bus_denied`, `bus_incompatible`.
 */
export async function openBus<const Mine extends Groups = Record<never, never>>(
  address: BusAddress,
  options: DownstreamOptions<Mine>,
): Promise<DownstreamBus<Mine>> {
  const { prefix, onFault } = options;
  const groups = options.groups ?? ({} as Mine);
  const bus = await openAnyBus(settingsOf(address), topologyOf(prefix, groups), onFault ? { onFault } : {});
  return Object.assign(bus, { prefix, groups });
}

/** Throws `usage`. */
export function topologyOf(prefix: string, groups: Groups): Topology {
  if (typeof prefix !== 'string' || !PREFIX.test(prefix) || prefix.length > PREFIX_LENGTH) {
    throw new ServiceError('usage', `the prefix is words of letters, digits, - and _, joined by dots: ${show(prefix)}`);
  }
  return {
    prefix,
    git: [],
    groups: Object.fromEntries(Object.entries(groups).map(([name, wanted]) => [name, topicsOf(prefix, name, wanted)])),
    // Of a log that this process does not keep; nothing would be removed from it.
    gitLog: { maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER },
  };
}

function topicsOf(prefix: string, group: string, wanted: readonly TopicName[]): readonly string[] {
  if (!GROUP.test(group)) {
    throw new ServiceError('usage', `a group is a word of a-z, 0-9, - and _, of at most 64 characters: ${show(group)}`);
  }
  if (OF_THE_SERVICE.has(group)) {
    throw new ServiceError('usage', `the group ${group} is the service's own: choose another name`);
  }
  if (!Array.isArray(wanted) || wanted.length === 0) {
    throw new ServiceError('usage', `the group ${group} wants no message`);
  }
  const unknown = wanted.find((name) => schemasOf(name).length === 0);
  if (unknown !== undefined) {
    throw new ServiceError(
      'usage',
      `the group ${group} wants ${show(unknown)}; a group can get ${topicNames().join(', ')}`,
    );
  }
  return [...new Set(wanted.flatMap(schemasOf).map((schema) => topicOf(prefix, schema)))];
}

function show(value: unknown): string {
  return JSON.stringify(String(value).slice(0, 80));
}
