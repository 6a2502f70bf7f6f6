import type { Digest } from '../kernel/digest.js';
import { isJsonObject } from '../kernel/json.js';
import type { Registry } from '../registry/index.js';
import type { Clock } from '../runtime/clock.js';
import { abilitiesOf, type TagAbilities } from './abilities.js';
import type { Area, Outcome, Proposal } from './area.js';
import { judgeTag, type Retirement, retirements, type TagVerdict } from './decide/tags.js';
import type { HouseFacts } from './house-facts.js';

/** Tags whose digests are asked for at one time. */
const AT_ONCE = 8;

export interface TagAreaParts {
  readonly registry: Registry;
  readonly repository: string;
  readonly facts: HouseFacts;
  readonly keepMs: number;
  readonly clock: Clock;
}

type Going = TagVerdict & { goes: true };

/** The tags of one repository of a candidate registry. */
export function tagArea(parts: TagAreaParts): Area {
  const { registry, repository, facts, keepMs, clock } = parts;
  return {
    kind: 'tags',
    name: `registry ${registry.name} ${repository}`,
    async propose() {
      const tags = await registry.tags(repository);
      const policy = { keepMs, now: clock.now().getTime() };
      const going = tags
        .map((tag) => judgeTag(tag, facts.tagBuild, policy))
        .filter((verdict): verdict is Going => verdict.goes);
      if (going.length === 0) return { proposals: [], notes: [] };
      const abilities = await abilitiesOf(registry, repository);
      const digests = await digestsOf(registry, repository, tags);
      const names = going.map(({ tag }) => tag);
      const found = retirements(names, digests, facts.needed);
      const able = found.filter(({ whole }) => abilities.tags || (whole && abilities.manifests));
      const proposals: Proposal[] = [];
      for (const retirement of able) proposals.push(await proposal(parts, abilities, retirement, going, digests));
      proposals.sort((a, b) => (ageKey(a) < ageKey(b) ? -1 : 1));
      return { proposals, notes: notesOf(registry, abilities, able.length < found.length) };
    },
  };
}

/** The oldest first. */
function ageKey({ item }: Proposal): string {
  return `${item.usedAt ?? ''} ${item.name}`;
}

/** The same words for every repository, so that they are told once. */
function notesOf({ name }: Registry, abilities: TagAbilities, some: boolean): readonly string[] {
  if (!some) return [];
  if (!abilities.manifests && !abilities.tags)
    return [
      `The registry ${name} deletes nothing (for distribution: REGISTRY_STORAGE_DELETE_ENABLED=true): old tags stay.`,
    ];
  return [`The registry ${name} can not take away a tag alone: old tags stay where another tag needs their image.`];
}

async function proposal(
  parts: TagAreaParts,
  abilities: TagAbilities,
  retirement: Retirement,
  going: readonly Going[],
  digests: ReadonlyMap<string, string>,
): Promise<Proposal> {
  const { registry, repository, facts } = parts;
  const { digest, tags, whole } = retirement;
  const verdicts = going.filter(({ tag }) => tags.includes(tag));
  const ends = verdicts.map(({ build }) => facts.row(build)?.endedAt ?? null).filter((time) => time !== null);
  return {
    item: {
      area: 'tags',
      place: `${registry.host}/${repository}`,
      what: !whole ? 'tag' : verdicts.every(({ what }) => what === 'log') ? 'log' : 'image',
      name: tags.join(' '),
      // What other tags stand for stays, and only the names go.
      bytes: whole ? await sizeOf(registry, repository, digest) : 0,
      usedAt: ends.sort().at(-1) ?? null,
      reason: 'retired',
    },
    carryOut: () =>
      abilities.tags ? untag(registry, repository, tags) : removeWhole(registry, repository, digest, digests),
  };
}

async function untag(registry: Registry, repository: string, tags: readonly string[]): Promise<Outcome> {
  for (const tag of tags) if (!(await registry.deleteTag(repository, tag))) return 'refused';
  return 'gone';
}

/** Only while every tag that stands for it is known to go: one that came since may need it. */
async function removeWhole(
  registry: Registry,
  repository: string,
  digest: string,
  known: ReadonlyMap<string, string>,
): Promise<Outcome> {
  const since = (await registry.tags(repository)).filter((tag) => !known.has(tag));
  const digests = await digestsOf(registry, repository, since);
  if ([...digests.values()].includes(digest)) return 'in_use';
  return (await registry.deleteManifest(repository, digest as Digest)) ? 'gone' : 'refused';
}

async function digestsOf(
  registry: Registry,
  repository: string,
  tags: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  const queue = [...tags];
  const work = async (): Promise<void> => {
    for (let tag = queue.shift(); tag !== undefined; tag = queue.shift()) {
      const found = await registry.head(repository, tag);
      if (found !== null) digests.set(tag, found.digest);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return digests;
}

/** Bytes of a manifest and what it names; null when it can't be read. What other images share is counted in. */
async function sizeOf(registry: Registry, repository: string, digest: string): Promise<number | null> {
  const manifest = await registry.getManifest(repository, digest);
  if (manifest === null) return null;
  const parsed: unknown = JSON.parse(manifest.bytes.toString('utf8'));
  if (!isJsonObject(parsed)) return null;
  const layers = Array.isArray(parsed['layers']) ? parsed['layers'] : [];
  return [parsed['config'], ...layers].reduce(
    (sum: number, part) => sum + (isJsonObject(part) && typeof part['size'] === 'number' ? part['size'] : 0),
    manifest.bytes.byteLength,
  );
}
