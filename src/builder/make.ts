/** Steps 7 and 8: the engine makes the image, the registry gets it, and one manifest PUT commits the build. */
import type { Readable } from 'node:stream';
import type { Digest } from '../kernel/digest.js';
import { isJsonObject } from '../kernel/json.js';
import { LIMITS } from '../kernel/limits.js';
import { ServiceError } from '../kernel/service-error.js';
import type { Image, Parent } from '../messages/index.js';
import type { Manifest, RegistryLogin } from '../registry/index.js';
import { contextStream } from './adapters/context.js';
import { EMPTY_CONFIG } from './adapters/log-artifact.js';
import { contentIdentity } from './decide/image-content.js';
import { attemptTag, type BuildNames, nameBuild, uniqueTag } from './decide/naming.js';
import type { EngineSlot } from './engine-room.js';
import { Fence } from './fence.js';
import { BuildFailed, Interruption, type Job } from './job.js';
import type { BuilderParts } from './parts.js';
import type { Prepared } from './prepare.js';
import type { Survey } from './survey.js';

/** The image under the build's unique tag. */
export interface Committed {
  readonly manifest: Manifest;
  readonly names: BuildNames;
  readonly parents: readonly Parent[];
}

type Parts = Pick<BuilderParts, 'registries' | 'clock'>;

/** The image in the engine, under the name of the attempt. */
export interface Made extends Pick<Prepared, 'names' | 'parents'> {
  readonly reference: string;
}

/**
 * Builds from what `openContext` gives; ends once the names are certain, too. What the engine throws comes through; a
 * build that takes too long ends as `timeout`.
 */
export async function make(
  parts: Parts,
  job: Job,
  slot: EngineSlot,
  prepared: Prepared,
  context: Readable,
): Promise<Made> {
  const { names, parents, certain } = prepared;
  const reference = `${job.engineHost}/${job.repository}:${attemptTag(job.build.id, job.build.attempt)}`;
  await job.watch.time('build', () => runEngine(parts, job, slot, prepared, context, reference));
  await certain;
  return { reference, names, parents };
}

/**
 * Pushes and commits. `mayBeThere` false: an earlier try or attempt can't have committed. Throws what the engine and the
 * registry throw; may be tried again.
 */
export async function push(
  parts: Parts,
  job: Job,
  slot: EngineSlot,
  made: Made,
  mayBeThere: boolean,
): Promise<Committed> {
  const manifest = await job.watch.time('push', async () => {
    try {
      await slot.engine.push(made.reference, await job.registry.login(), job.signal);
    } catch (thrown) {
      throw (await whyNotPushed(job, thrown)) ?? thrown;
    }
    return commit(parts, job, mayBeThere);
  });
  return { manifest, names: made.names, parents: made.parents };
}

/**
 * An engine passes on no more than the status of what a registry said. A small upload of our own is told why; null when
 * that goes well, or the fault is another.
 */
async function whyNotPushed({ registry, repository }: Job, thrown: unknown): Promise<ServiceError | null> {
  if (!(thrown instanceof ServiceError && thrown.code === 'registry_unavailable')) return null;
  try {
    await registry.putBlob(repository, EMPTY_CONFIG);
    return null;
  } catch (told) {
    return told instanceof ServiceError && told.code === 'disk_full' ? told : null;
  }
}

/**
 * What the engine gets: the source's files, read from now on, and at the end the Dockerfile as it was prepared, where no
 * `COPY` takes it into the image. For the caller to destroy. What goes wrong is told to whoever reads it.
 */
export function openContext(
  { build, target, signal }: Pick<Job, 'build' | 'target' | 'signal'>,
  { fetched, sent, keep, committedAt }: Survey,
  preparing: Promise<Pick<Prepared, 'labelled'>>,
): Readable {
  const context = contextStream(fetched.archive(build.source.commit, build.source.path, signal), {
    dockerfile: { path: sent.path, text: preparing.then(({ labelled }) => labelled.text) },
    added: sent.added,
    keep,
    maxBytes: target.limits.contextBytes,
    mtime: committedAt,
  });
  context.on('error', () => undefined);
  context.read(0);
  return context;
}

/** An image that an earlier attempt committed, with what its labels say; null when there is none. `reference`: where to look. */
export async function recall(
  parts: Pick<Parts, 'clock'>,
  job: Pick<Job, 'build' | 'registry' | 'repository' | 'target'>,
  reference: string = uniqueTag(job.build.id),
): Promise<Committed | null> {
  const manifest = await job.registry.getManifest(job.repository, reference);
  if (manifest === null) return null;
  const labels = labelsOf(await configOf(job, manifest));
  const names = nameBuild({
    buildId: job.build.id,
    component: job.build.component,
    kind: job.build.kind,
    labels,
    target: job.target,
    branch: job.build.source.branch,
    commit: job.build.source.commit,
    commitCount: 0,
    stamp: parts.clock.now(),
    givenRelease: labels['release'] ?? null,
    taken: 0,
  });
  if (!names.ok) throw new BuildFailed(names.error);
  return { manifest, names: names.value, parents: parentsOf(labels['io.layerwright.parents'] ?? '') };
}

/** What `completed` says of the image, its tags aside. */
export async function describe(
  job: Pick<Job, 'registry' | 'repository'>,
  { manifest }: Committed,
  platform: string,
): Promise<Omit<Image, 'references'>> {
  const config = await configOf(job, manifest);
  const content = contentIdentity(config);
  const parsed: unknown = JSON.parse(manifest.bytes.toString('utf8'));
  return {
    digest: manifest.digest,
    media_type: manifest.mediaType,
    content: content.ok ? content.value : null,
    platforms: [
      {
        platform: platformOf(config) ?? platform,
        digest: manifest.digest,
        size: manifest.bytes.byteLength + sizeOf(parsed),
      },
    ],
  };
}

async function runEngine(
  { registries }: Parts,
  job: Job,
  slot: EngineSlot,
  { dockerfile, sent, labelled, certain }: Prepared,
  context: Readable,
  reference: string,
): Promise<void> {
  const { target, build, output } = job;
  const late = AbortSignal.timeout(target.limits.timeMs);
  const unsure = new AbortController();
  certain.catch((thrown: unknown) => unsure.abort(thrown));
  const signal = AbortSignal.any([job.signal, late, unsure.signal]);
  try {
    await slot.engine.build(
      {
        context,
        dockerfile: sent.path,
        dockerfileName: dockerfile,
        reference,
        build: build.id,
        labels: labelled.rest,
        ownSteps: labelled.steps,
        buildArgs: build.build_args,
        network: target.network,
        memoryBytes: target.limits.memoryBytes,
        cpu: target.limits.cpu,
        useCache: build.cause.type === 'push' || build.cause.type === 'reconcile',
        platform: slot.platform,
        logins: await loginsFor(registries, job),
        onLine: (line) => output.line(line),
      },
      signal,
    );
  } catch (thrown) {
    if (late.aborted && !job.signal.aborted)
      throw new Interruption(
        'timeout',
        `The build took longer than the ${target.limits.timeMs / 1000} s of limits.time.`,
      );
    if (unsure.signal.aborted && !job.signal.aborted) throw unsure.signal.reason;
    throw thrown;
  }
}

/**
 * The commit point. The engine's own PUT may outlive us, so it touched this attempt's tag only; the unique tag is made
 * by us, under a claim that is verified right before. When it is there already, its image is the build's.
 */
async function commit(
  { clock }: Parts,
  { build, registry, repository, claim }: Job,
  mayBeThere: boolean,
): Promise<Manifest> {
  const [pushed, present] = await Promise.all([
    registry.getManifest(repository, attemptTag(build.id, build.attempt)),
    mayBeThere ? registry.getManifest(repository, uniqueTag(build.id)) : null,
  ]);
  if (pushed === null)
    throw new ServiceError(
      'registry_unavailable',
      `The registry ${registry.name} does not have what was pushed to it.`,
      { transient: true },
    );
  const held = await new Fence(clock, [claim]).holds();
  if (!held) throw new Interruption('claim_lost', 'the claim was lost before the commit point');
  if (present !== null) return present;
  await registry.putManifest(repository, uniqueTag(build.id), pushed.mediaType, pushed.bytes);
  return pushed;
}

async function loginsFor(
  registries: Parts['registries'],
  { engineHost, registry }: Job,
): Promise<Readonly<Record<string, RegistryLogin>>> {
  const logins: Record<string, RegistryLogin> = {};
  for (const known of registries.values()) {
    const login = await known.login();
    if (login !== null) logins[known === registry ? engineHost : known.host] = login;
  }
  return logins;
}

async function configOf(
  { registry, repository }: Pick<Job, 'registry' | 'repository'>,
  manifest: Manifest,
): Promise<unknown> {
  const parsed: unknown = JSON.parse(manifest.bytes.toString('utf8'));
  const config = isJsonObject(parsed) ? parsed['config'] : null;
  const digest = isJsonObject(config) ? config['digest'] : null;
  if (typeof digest !== 'string') return null;
  const bytes = await registry.getBlob(repository, digest as Digest, LIMITS.manifestBytes);
  return bytes === null ? null : JSON.parse(bytes.toString('utf8'));
}

function labelsOf(config: unknown): Readonly<Record<string, string>> {
  const settings = isJsonObject(config) ? config['config'] : null;
  const labels = isJsonObject(settings) ? settings['Labels'] : null;
  if (!isJsonObject(labels)) return {};
  return Object.fromEntries(
    Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Of the label that `buildLabels` writes: `NAME@DIGEST`, separated by blanks. */
function parentsOf(label: string): readonly Parent[] {
  return label
    .split(' ')
    .filter((text) => text.includes('@'))
    .map((text) => {
      const at = text.lastIndexOf('@');
      const name = text.slice(0, at);
      return { written: name, resolved: name, digest: text.slice(at + 1), build: null };
    });
}

function platformOf(config: unknown): string | null {
  if (!isJsonObject(config)) return null;
  const { os, architecture, variant } = config;
  if (typeof os !== 'string' || typeof architecture !== 'string') return null;
  return typeof variant === 'string' && variant !== '' ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`;
}

/** Bytes of the config and the layers that a manifest names. */
function sizeOf(manifest: unknown): number {
  if (!isJsonObject(manifest)) return 0;
  const layers = Array.isArray(manifest['layers']) ? manifest['layers'] : [];
  return [manifest['config'], ...layers]
    .map((part) => (isJsonObject(part) && typeof part['size'] === 'number' ? part['size'] : 0))
    .reduce((sum, size) => sum + size, 0);
}
