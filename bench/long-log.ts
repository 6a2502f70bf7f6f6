/**
 * The log of a large house, made as it is read: pushes and waves of rebuilds of many components, several builds at a
 * time, each of three parents and three names. The same number gives the same message in every run.
 */
import type { LogEntry } from '../src/bus/index.js';
import { buildId, derivedId, endMessageId, messageId } from '../src/kernel/ids.js';
import {
  type Build,
  CATALOG,
  type Message,
  type MessageBodies,
  type MessageName,
  topicOf,
} from '../src/messages/index.js';
import { PREFIX, SAMPLE_PROCESS, sampleCommit, sampleDigest } from '../test/support/samples.js';

const COMPONENTS = 2_000;
/** Components that all others stand on. */
const BASES = 20;
/** Builds that run at one time, so that their messages mix. */
const AT_ONCE = 32;
/** One build of so many fails. */
const FAIL_EVERY = 10;
/** Builds of a round: the even rounds are pushes, the odd ones waves. */
const ROUND = AT_ONCE * 16;
/** Of each build: asked for, begun, ended. */
export const MESSAGES_A_BUILD = 3;

const BEGUN = Date.UTC(2026, 0, 1);
/** Milliseconds between two messages: a million of them are some months. */
const BETWEEN = 10_000;

/** One build of the log and what it says of its end. */
export interface LongBuild {
  readonly build: Build;
  readonly digest: string;
  readonly references: readonly string[];
  readonly parents: readonly string[];
  readonly isFailed: boolean;
}

/** The entries of a log of so many builds, waves beside them, in batches as the embedded bus reads them. */
export function* longLog(builds: number, batchSize = 350): Generator<readonly LogEntry[]> {
  let batch: LogEntry[] = [];
  let at = 0;
  for (const message of messages(builds)) {
    batch.push({ position: { at: String(at), id: message.id }, storedAt: timeOf(at), message });
    at += 1;
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** When the entry at a place was stored. */
export function timeOf(place: number): Date {
  return new Date(BEGUN + place * BETWEEN);
}

export function longBuild(number: number): LongBuild {
  const component = `component-${number % COMPONENTS}`;
  const round = Math.floor(number / ROUND);
  const wave = round % 2 === 1 ? waveOf(round).id : null;
  const cause: Build['cause'] =
    wave === null
      ? {
          type: 'push',
          key: '',
          message: `2026-${derivedId('push', String(number))}`,
          wave,
          agent: 'ralph',
          reason: null,
          parents: null,
        }
      : {
          type: 'rebuild',
          key: sampleDigest(`key ${number}`),
          message: derivedId('message', wave, 'opened'),
          wave,
          agent: null,
          reason: `registry.example.org/f41/component-${number % BASES}:latest has changed, and what stands on it is built again.`,
          parents: parentsOf(number).map(({ resolved: name, digest }) => ({
            name: name.replace(/:latest$/, ''),
            digest: digest as `sha256:${string}`,
          })),
        };
  const source = {
    repository: `https://src.example.org/container/${component}.git`,
    namespace: 'container',
    branch: 'f41',
    commit: sampleCommit(`commit ${number}`),
    path: '',
  };
  const base = { component, target: 'f41', kind: 'official' as const, build_args: BUILD_ARGS };
  const id = buildId({ ...base, commit: source.commit, buildArgs: BUILD_ARGS, causeKey: cause.key });
  const build = { id, ...base, name: null, version: null, release: null, nvr: null, source, cause, attempt: 1 };
  const path = `candidate.example.org:5000/f41/${component}`;
  return {
    build,
    digest: sampleDigest(`image ${number}`),
    references: [`${path}:2.4.${round}-${number}.f41`, `${path}:2.4.${round}`, `${path}:latest`],
    parents: parentsOf(number).map(({ digest }) => digest),
    isFailed: number % FAIL_EVERY === 0,
  };
}

const BUILD_ARGS: Build['build_args'] = Object.fromEntries(
  Array.from({ length: 18 }, (_, n) => [
    `SETTING_${n}`,
    `a value that the maintainer of the image has chosen, number ${n}`,
  ]),
);

function* messages(builds: number): Generator<Message> {
  for (let first = 0; first < builds; first += AT_ONCE) {
    const round = Math.floor(first / ROUND);
    if (round % 2 === 1 && first % ROUND === 0) yield* opened(round);
    const running = Array.from({ length: Math.min(AT_ONCE, builds - first) }, (_, index) => longBuild(first + index));
    for (const { build } of running) {
      const name = build.cause.wave === null ? 'build.requested.v1' : 'build.requested.cascade.v1';
      yield messageOf(name, messageId(build.id, CATALOG[name].topic, 1), { build });
    }
    const named = running.map((one, index) => ({ ...one, build: withNvr(one.build, first + index) }));
    for (const { build } of named)
      yield messageOf('build.started.v1', messageId(build.id, CATALOG['build.started.v1'].topic, 1), {
        build,
        process: SAMPLE_PROCESS,
      });
    for (const [index, one] of named.entries()) yield ended(one, first + index);
  }
}

function ended({ build, digest, references, isFailed }: LongBuild, number: number): Message {
  const parents = parentsOf(number);
  const common = { build, parents, timings: TIMINGS, log: sampleDigest(`log ${number}`), process: SAMPLE_PROCESS };
  const id = endMessageId(build.id);
  if (isFailed) {
    const failure = {
      code: 'build_failed',
      step: 'build',
      message: 'Step 3 (RUN make) ended with exit code 2.',
      detail: DETAIL,
      transient: false,
    };
    return messageOf('build.failed.v1', id, { ...common, failure });
  }
  const image = {
    digest: digest as `sha256:${string}`,
    media_type: 'application/vnd.oci.image.index.v1+json',
    content: sampleDigest(`content ${number}`),
    references: [...references],
    platforms: ['linux/amd64', 'linux/arm64'].map((platform) => ({
      platform,
      digest: sampleDigest(`${platform} ${number}`),
      size: 61_234_567,
    })),
  };
  return messageOf('build.completed.v1', id, { ...common, image });
}

const TIMINGS = { claim: 4, look: 1, source: 25, inspect: 2, build: 148_000, push: 4_800, tags: 26 };
const DETAIL = Array.from(
  { length: 20 },
  (_, line) => `make[${line}]: *** [Makefile:${line}: all] Error 2, and some more of what it said.`,
).join('\n');

/** Two bases and one of the builds of the round before: what a base stands for changes with every round. */
function parentsOf(number: number): MessageBodies['build.completed.v1']['parents'] {
  const round = Math.floor(number / ROUND);
  return [number % BASES, (number * 7) % BASES, BASES + ((number * 31) % 200)].map((component, index) => ({
    written: `registry.example.org/f41/component-${component}:latest`,
    resolved: `candidate.example.org:5000/f41/component-${component}:latest`,
    digest: sampleDigest(`base ${component} ${round} ${index}`),
    build: derivedId('base', String(component), String(round)),
  }));
}

function withNvr(build: Build, number: number): Build {
  const release = `${number}.f41`;
  return { ...build, name: build.component, version: '2.4', release, nvr: `${build.component}-2.4-${release}` };
}

function waveOf(round: number): MessageBodies['wave.opened.v1']['wave'] {
  const [message, rebuild] = [derivedId('change', String(round)), derivedId('rebuild', String(round))];
  return { id: derivedId('wave', message, rebuild), message, rebuild };
}

function* opened(round: number): Generator<Message> {
  const wave = waveOf(round);
  const members = Array.from({ length: ROUND }, (_, n) => `f41/component-${(round * ROUND + n) % COMPONENTS}`);
  const body = { wave, changes: [], members, cycles: [], process: SAMPLE_PROCESS };
  yield messageOf('wave.opened.v1', derivedId('message', wave.id, 'opened'), body);
}

const HEADERS = {
  fedora_messaging_schema: 'build.completed.v1',
  fedora_messaging_severity: 20,
  'sent-at': '2026-11-23T17:15:00+00:00',
  priority: 0,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

function messageOf<Name extends MessageName>(name: Name, id: string, body: MessageBodies[Name]): Message {
  return { id, topic: topicOf(PREFIX, name), headers: HEADERS, body: body as never };
}
