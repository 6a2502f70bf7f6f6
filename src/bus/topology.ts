import { anyTopic } from '../kernel/topic-pattern.js';
import { CATALOG, type MessageName, topicOf } from '../messages/index.js';
import type { LogName, Topology } from './contract.js';

/**
 * The whole topology, from the configuration's prefix, git topics and retention. Every process declares all of it,
 * whatever its role: a push published by a hook before any trigger ever ran waits for the trigger.
 */
export function topology(settings: Pick<Topology, 'prefix' | 'git' | 'gitLog'>): Topology {
  const ours = (name: MessageName): string => topicOf(settings.prefix, name);
  return {
    ...settings,
    groups: {
      trigger: settings.git,
      builder: [ours('build.requested.v1')],
      'builder.cascade': [ours('build.requested.cascade.v1')],
    },
  };
}

/** Which log keeps a topic; null for those that pass and are gone. */
export function logOf(settings: Pick<Topology, 'prefix' | 'git'>): (topic: string) => Exclude<LogName, 'dead'> | null {
  const logged = new Set(
    (Object.keys(CATALOG) as MessageName[])
      .filter((name) => CATALOG[name].logged)
      .map((name) => topicOf(settings.prefix, name)),
  );
  const isGit = anyTopic(settings.git);
  return (topic) => (logged.has(topic) ? 'ours' : isGit(topic) ? 'git' : null);
}
