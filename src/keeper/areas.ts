import type { Ledger } from '../ledger/index.js';
import type { Registry } from '../registry/index.js';
import type { Clock } from '../runtime/clock.js';
import type { Area, AreaKind } from './area.js';
import { fileArea } from './file-area.js';
import { type HouseFacts, houseFacts } from './house-facts.js';
import { imageArea } from './image-area.js';
import type { FileStore, ImageStore, MirrorStore } from './ports.js';
import type { KeeperSettings } from './settings.js';
import { tagArea } from './tag-area.js';

/** What the composition root hands to the keeper. All of it stays the root's to close. */
export interface HouseParts {
  readonly ledger: Ledger;
  readonly engines: readonly ImageStore[];
  readonly mirrors: MirrorStore;
  readonly logs: FileStore;
  /** By name in the configuration. */
  readonly registries: ReadonlyMap<string, Registry>;
  readonly settings: KeeperSettings;
  readonly clock: Clock;
}

/** The areas of these kinds, with the log caught up. Throws what the ledger throws. */
export async function openAreas(parts: HouseParts, kinds: readonly AreaKind[]): Promise<readonly Area[]> {
  const facts = await houseFacts(parts.ledger, parts.settings.builds);
  return [
    ...(kinds.includes('images') ? imageAreas(parts, facts) : []),
    ...(kinds.includes('mirrors') ? [mirrors(parts, facts)] : []),
    ...(kinds.includes('logs') ? [logs(parts, facts)] : []),
    ...(kinds.includes('tags') ? tagAreas(parts, facts) : []),
  ];
}

function imageAreas({ engines, settings, clock }: HouseParts, facts: HouseFacts): readonly Area[] {
  const { graceMs } = settings;
  return engines.flatMap((store) => {
    const keepBytes = settings.engines[store.host];
    return keepBytes === undefined ? [] : [imageArea({ store, facts, keepBytes, graceMs, clock })];
  });
}

function mirrors({ mirrors: store, settings, clock }: HouseParts, facts: HouseFacts): Area {
  const names = new Set([...facts.sources].map((url) => store.nameOf(url)));
  const { mirrorBytes: keepBytes, graceMs } = settings;
  const policy = { keepBytes, keepMs: null, graceMs };
  return fileArea({ kind: 'mirrors', store, policy, isInUse: (name) => names.has(name), clock });
}

const LOG = /^(.+)\.\d+\.log$/;

function logs({ logs: store, settings, clock }: HouseParts, facts: HouseFacts): Area {
  const { logBytes: keepBytes, ageMs: keepMs, graceMs } = settings;
  const isInUse = (name: string): boolean => {
    const build = LOG.exec(name)?.[1];
    return build === undefined || facts.mayBeWritten(build);
  };
  return fileArea({ kind: 'logs', store, policy: { keepBytes, keepMs, graceMs }, isInUse, clock });
}

/** One for each repository that a build of the log may have gone to; targets may share them. */
function tagAreas({ registries, settings, clock }: HouseParts, facts: HouseFacts): readonly Area[] {
  const areas = new Map<string, Area>();
  for (const { component, target } of facts.streams) {
    const place = settings.targets[target];
    const registry = place === undefined ? undefined : registries.get(place.candidate);
    if (place === undefined || registry === undefined) continue;
    const repository = place.repository.replaceAll('{component}', component);
    const key = `${registry.name} ${repository}`;
    if (!areas.has(key)) areas.set(key, tagArea({ registry, repository, facts, keepMs: settings.ageMs, clock }));
  }
  return [...areas.values()];
}
