/**
 * Valid messages of ours for tests, made by the same rules as in service: ids are computed, bodies are validated.
 * Every builder takes what a test cares about and fills in the rest.
 */
import { hash } from 'node:crypto';
import type { Digest } from '../../src/kernel/digest.js';
import { buildId, derivedId, endMessageId, messageId } from '../../src/kernel/ids.js';
import {
  type Build,
  CATALOG,
  compose,
  type Failure,
  type Image,
  type Message,
  type MessageBodies,
  type MessageName,
  type Process,
} from '../../src/messages/index.js';

export const PREFIX = 'org.example.test';

/** When the samples say that they were sent. */
export const SAMPLE_TIME = new Date('2026-11-23T17:15:00Z');

export const SAMPLE_PROCESS: Process = { id: 'process-1', host: 'builder.example.org', pid: 4711, version: '0.1.0' };

/** A git object name made from any text. */
export function sampleCommit(text: string): string {
  return hash('sha1', text);
}

/** A digest made from any text. */
export function sampleDigest(text: string): Digest {
  return `sha256:${hash('sha256', text)}`;
}

/** What may be changed of a sample build; `source` and `cause` are joined member by member. The id follows. */
export type BuildParts = Partial<Omit<Build, 'id' | 'source' | 'cause'>> & {
  readonly source?: Partial<Build['source']>;
  readonly cause?: Partial<Build['cause']>;
};

/** A build of `httpd` for `f41`, asked for by a push, its NVR not yet known. */
export function sampleBuild(parts: BuildParts = {}): Build {
  const { source, cause, ...rest } = parts;
  const component = rest.component ?? 'httpd';
  const build = {
    component,
    target: 'f41',
    kind: 'official' as const,
    name: null,
    version: null,
    release: null,
    nvr: null,
    build_args: {},
    attempt: 1,
    ...rest,
    source: {
      repository: `https://src.example.org/container/${component}.git`,
      namespace: 'container',
      branch: 'f41',
      commit: sampleCommit(component),
      path: '',
      ...source,
    },
    cause: {
      type: 'push' as const,
      key: '',
      message: 'push-1',
      wave: null,
      agent: 'ralph',
      reason: null,
      parents: null,
      ...cause,
    },
  };
  const id = buildId({
    component: build.component,
    target: build.target,
    commit: build.source.commit,
    kind: build.kind,
    buildArgs: build.build_args,
    causeKey: build.cause.key,
  });
  return { id, ...build };
}

/** The same build with its NVR known, as `started` and the ends carry it. */
export function withNvr(build: Build, version = '2.4', release = '17.f41'): Build {
  return { ...build, name: build.component, version, release, nvr: `${build.component}-${version}-${release}` };
}

/** The same build, asked for once more. */
export function nextAttempt(build: Build, attempt = build.attempt + 1): Build {
  return { ...build, attempt };
}

export function sampleImage(build: Build): Image {
  const digest = sampleDigest(`image of ${build.id}`);
  return {
    digest,
    media_type: 'application/vnd.oci.image.manifest.v1+json',
    content: null,
    references: [`candidate.example.org/${build.target}/${build.component}:latest`],
    platforms: [{ platform: 'linux/amd64', digest, size: 61_234_567 }],
  };
}

/** Any message of ours. The id defaults to a random-looking one computed from the body. */
export function sampleMessage<Name extends MessageName>(
  name: Name,
  body: MessageBodies[Name],
  id: string = derivedId('sample', name, JSON.stringify(body)),
): Message {
  return compose({ prefix: PREFIX, name, id, body, now: SAMPLE_TIME });
}

function about(name: MessageName, build: Build): string {
  return messageId(build.id, CATALOG[name].topic, build.attempt);
}

export function requested(build: Build = sampleBuild()): Message {
  return sampleMessage('build.requested.v1', { build }, about('build.requested.v1', build));
}

export function requestedCascade(build: Build = sampleBuild()): Message {
  return sampleMessage('build.requested.cascade.v1', { build }, about('build.requested.cascade.v1', build));
}

export function skipped(
  build: Build = sampleBuild(),
  parts: { readonly code?: string; readonly message?: string; readonly waitingFor?: string[] } = {},
): Message {
  const body = {
    build,
    reason: { code: parts.code ?? 'waiting_for_parent', message: parts.message ?? 'A parent is not built yet.' },
    waiting_for: parts.waitingFor ?? ['registry.example.org/f41/base'],
  };
  return sampleMessage('build.skipped.v1', body, about('build.skipped.v1', build));
}

export function started(build: Build = withNvr(sampleBuild()), process: Process = SAMPLE_PROCESS): Message {
  return sampleMessage('build.started.v1', { build, process }, about('build.started.v1', build));
}

export function completed(
  build: Build = withNvr(sampleBuild()),
  parts: Partial<Omit<MessageBodies['build.completed.v1'], 'build'>> = {},
): Message {
  const body = {
    build,
    image: sampleImage(build),
    parents: [
      {
        written: 'registry.example.org/f41/base:latest',
        resolved: 'candidate.example.org/f41/base:latest',
        digest: sampleDigest('base'),
        build: null,
      },
    ],
    timings: { claim: 4, look: 1, source: 25, inspect: 2, build: 148, push: 48, tags: 26 },
    log: sampleDigest(`log of ${build.id}`),
    process: SAMPLE_PROCESS,
    ...parts,
  };
  return sampleMessage('build.completed.v1', body, endMessageId(build.id));
}

export function failed(build: Build = withNvr(sampleBuild()), failure: Partial<Failure> = {}): Message {
  const body = {
    build,
    failure: {
      code: 'build_failed',
      step: 'build',
      message: 'Step 3 (RUN make) ended with exit code 2.',
      detail: 'make: *** No targets.  Stop.',
      transient: false,
      ...failure,
    },
    parents: [],
    timings: null,
    log: null,
    process: SAMPLE_PROCESS,
  };
  return sampleMessage('build.failed.v1', body, endMessageId(build.id));
}

/** A cancel; `superseded` (the default) is no end, so its id has the attempt. */
export function canceled(
  build: Build = sampleBuild(),
  code: MessageBodies['build.canceled.v1']['reason']['code'] = 'superseded',
  successor: string | null = null,
): Message {
  const body = { build, reason: { code, message: 'Called off.' }, successor, process: SAMPLE_PROCESS };
  const id = code === 'superseded' ? about('build.canceled.v1', build) : endMessageId(build.id);
  return sampleMessage('build.canceled.v1', body, id);
}

/** The command that asks to call a build off. */
export function cancelCommand(build: string, agent: string | null = 'ralph', reason: string | null = null): Message {
  return sampleMessage('build.cancel.v1', { build, agent, reason });
}

export function output(build: string, lines: string[], first = 0, attempt = 1): Message {
  return sampleMessage('build.output.v1', { build, attempt, first, lines });
}

/** A wave's names, the id computed. */
export function sampleWave(change = 'change'): MessageBodies['wave.opened.v1']['wave'] {
  const rebuild = derivedId('sample', 'rebuild', change);
  return { id: derivedId('wave', change, rebuild), message: change, rebuild };
}

export function waveOpened(
  members: string[],
  wave = sampleWave(),
  parts: Partial<MessageBodies['wave.opened.v1']> = {},
): Message {
  const body = { wave, changes: [], members, cycles: [], process: SAMPLE_PROCESS, ...parts };
  return sampleMessage('wave.opened.v1', body, derivedId('message', wave.id, 'opened'));
}

export function waveClosed(results: MessageBodies['wave.closed.v1']['results'], wave = sampleWave()): Message {
  const body = { wave, results, process: SAMPLE_PROCESS };
  return sampleMessage('wave.closed.v1', body, derivedId('message', wave.id, 'closed'));
}

/** One valid message of every kind of ours. */
export function oneOfEach(): Record<MessageName, Message> {
  const build = sampleBuild();
  const { component, target, nvr } = build;
  const change = { component, target, build: build.id, nvr, digest: sampleDigest('image'), message: 'change' };
  return {
    'build.requested.v1': requested(build),
    'build.requested.cascade.v1': requestedCascade(build),
    'build.skipped.v1': skipped(build),
    'build.started.v1': started(withNvr(build)),
    'build.completed.v1': completed(withNvr(build)),
    'build.failed.v1': failed(withNvr(build)),
    'build.canceled.v1': canceled(build),
    'build.cancel.v1': cancelCommand(build.id),
    'wave.opened.v1': waveOpened(['f41/httpd'], sampleWave(), { changes: [change] }),
    'wave.closed.v1': waveClosed([{ member: 'f41/httpd', outcome: 'completed', build: build.id, through: [] }]),
    'build.output.v1': output(build.id, ['STEP 1/3: FROM base']),
  };
}
