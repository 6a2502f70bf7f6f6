import type { LogName } from '../contract.js';
import { type AmqpSettings, placeOf } from '../settings.js';

/** The exchange that every message goes through, ours and those of strangers; each broker has it (fedora-messaging). */
export const TOPIC_EXCHANGE = 'amq.topic';

/** What our queues, streams and our exchange are called on a broker: all begin with `root`. */
export interface Names {
  /** `layerwright.<prefix>`, without a dot at the end. */
  readonly root: string;
  /** The direct exchange by which one queue is reached. */
  readonly direct: string;
  /** The bus, for people: no password. */
  readonly place: string;
  group(group: string): string;
  /** Where messages of a group wait for `ms` milliseconds. */
  wait(group: string, ms: number): string;
  log(log: LogName): string;
  claim(key: string): string;
  listener(id: string): string;
}

export function namesOf(settings: AmqpSettings, prefix: string): Names {
  const root = `layerwright.${prefix}`;
  return {
    root,
    direct: `${root}.direct`,
    place: placeOf(settings),
    group: (group) => `${root}.group.${group}`,
    wait: (group, ms) => `${root}.wait.${group}.${ms}`,
    log: (log) => `${root}.log.${log}`,
    claim: (key) => `${root}.claim.${key}`,
    listener: (id) => `${root}.listen.${id}`,
  };
}
