/** Step 6: the parents of a build and its names. */
import { formatNvr } from '../kernel/nvr.js';
import type { Build, Parent } from '../messages/index.js';
import type { DockerfileFacts } from './decide/facts.js';
import { buildLabels } from './decide/labels.js';
import type { BuildNames } from './decide/naming.js';
import { type LabelledDockerfile, withLabels } from './decide/own-step.js';
import {
  type KnownRegistry,
  type MissingParent,
  type ParentName,
  pinnedReference,
  resolveParentName,
  whenParentMissing,
} from './decide/parents.js';
import { pinDockerfile } from './decide/pin.js';
import { BuildFailed, BuildWaits, type Place, unwrap } from './job.js';
import { type Held, type NameInput, nameIt } from './name.js';
import type { BuilderParts } from './parts.js';
import type { BuilderSettings } from './settings.js';
import type { Survey } from './survey.js';

/** What the engine step needs, and what the terminal message will say of it. */
export interface Prepared extends Survey {
  readonly names: BuildNames;
  /** As `Naming` has it. */
  readonly certain: Promise<void>;
  readonly parents: readonly Parent[];
  /** The Dockerfile with every parent pinned and our labels. */
  readonly labelled: LabelledDockerfile;
}

export interface PrepareInput extends NameInput {
  /** What the engine builds for, as `linux/amd64`. */
  readonly platform: string;
}

type Parts = Pick<BuilderParts, 'bus' | 'ledger' | 'registries' | 'clock'>;

/**
 * Resolves the parents and names the build. Throws `BuildFailed` with the refusal, `BuildWaits`, and what `registry`
 * throws.
 */
export async function prepare(
  settings: BuilderSettings,
  parts: Parts,
  input: PrepareInput,
  source: Survey,
  held: Held | null,
): Promise<Prepared> {
  const { facts, text } = source;
  const naming = nameIt(parts, input, source, held);
  // It may fail while the parents are still looked up.
  naming.catch(() => undefined);
  const resolved = await resolveParents(settings, parts, input, facts).catch(async (thrown: unknown) => {
    // What is held by then is the caller's to release.
    await naming.then(({ certain }) => certain).catch(() => undefined);
    throw thrown;
  });
  const { names, certain } = await naming;
  const parents = [...resolved.values()].map(({ parent }) => parent);
  const base = facts.base === null ? null : (resolved.get(facts.base)?.parent ?? null);
  const pinned = pinDockerfile(text, facts, new Map([...resolved].map(([written, { pin }]) => [written, pin])));
  const labels = labelsOf(input, facts.labels, names, parents, base, parts.clock.now());
  return { ...source, names, certain, parents, labelled: withLabels(pinned, labels) };
}

/** What the image says of itself; `base` is what its final stage stands on, null for `scratch`. */
function labelsOf(
  { build, target, platform }: PrepareInput,
  own: Survey['facts']['labels'],
  names: BuildNames,
  parents: readonly Parent[],
  base: Parent | null,
  now: Date,
): Readonly<Record<string, string>> {
  return buildLabels({
    buildId: build.id,
    component: build.component,
    target: target.name,
    version: names.version,
    release: names.release,
    source: build.source,
    created: now,
    platform,
    base: base === null ? null : { name: base.resolved, digest: base.digest },
    parents,
    own,
  });
}

/** The build with its names filled in. */
export function named(
  build: Build,
  { name, version, release }: Pick<BuildNames, 'name' | 'version' | 'release'>,
): Build {
  return { ...build, name, version, release, nvr: formatNvr({ name, version, release }) };
}

interface ResolvedParent {
  readonly parent: Parent;
  /** What the engine gets in its place. */
  readonly pin: string;
}

async function resolveParents(
  settings: BuilderSettings,
  { registries, ledger }: Parts,
  { build, target }: Place,
  facts: DockerfileFacts,
): Promise<ReadonlyMap<string, ResolvedParent>> {
  const known = knownRegistries(settings, registries);
  const missing: MissingParent[] = [];
  const resolved = new Map<string, ResolvedParent>();
  const written = [...new Set(facts.parents.map((parent) => parent.written))];
  const found = await Promise.all(
    written.map(async (name) => {
      const place = unwrap(resolveParentName(name, target.parents, known));
      return { name, place, digest: await digestOf(registries, build, place) };
    }),
  );
  for (const { name, place, digest } of found) {
    if (digest === null) missing.push({ ...pinned(build, place), written: name });
    else {
      const parent = { written: name, resolved: place.lookedUpAs, digest, build: ledger.byDigest(digest)?.id ?? null };
      resolved.set(name, { parent, pin: pinnedReference(place, digest) });
    }
  }
  if (missing.length === 0) return resolved;
  const isComponent = (component: string): boolean =>
    ledger.builds({ component, target: target.name, limit: 1 }).length > 0;
  const outcome = whenParentMissing(missing, { component: build.component, target }, isComponent);
  if (outcome.kind === 'fail') throw new BuildFailed(outcome.failure);
  throw new BuildWaits(outcome.message, outcome.waitingFor);
}

/** What a rebuild was pinned to, else what the registry has now. */
async function digestOf(registries: Parts['registries'], build: Build, place: ParentName): Promise<string | null> {
  const found = await registries.get(place.registryName)?.head(place.repository, pinned(build, place).reference);
  return found?.digest ?? null;
}

/** The place with the digest that the request gave for it; as it is where it gave none. */
function pinned({ cause }: Build, place: ParentName): ParentName {
  const digest = cause.parents?.find(({ name }) => name === place.lookedUpAs)?.digest;
  return digest === undefined ? place : { ...place, reference: digest, lookedUpAs: `${place.lookedUpAs}@${digest}` };
}

export function knownRegistries(settings: BuilderSettings, registries: Parts['registries']): readonly KnownRegistry[] {
  return [...registries].map(([name, { host }]) => ({
    name,
    host,
    engineHost: settings.engineRegistryHosts[name] ?? host,
  }));
}
