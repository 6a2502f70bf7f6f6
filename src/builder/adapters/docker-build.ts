import { finished, type Readable } from 'node:stream';
import type { RegistryLogin } from '../../registry/index.js';
import type { BuiltImage, EngineBuild } from '../ports.js';
import type { BuildTranscript } from './build-transcript.js';
import type { DockerClient } from './docker-client.js';
import { classify, engineError, requestError, sentenceOf, unreachable } from './engine-errors.js';
import type { EventWatch } from './engine-events.js';
import type { EngineWays } from './engine-ways.js';
import type { BuildStep } from './step-reader.js';

/** Microseconds of the kernel's CPU accounting period (its default). */
const CPU_PERIOD = 100_000;
const SMALLEST_CPU_QUOTA = 1_000;
/** Milliseconds that an event may come later than the answer it belongs to. */
const EVENT_LAG_MS = 1_000;
const PING_MS = 3_000;
/** Exit code of a shell whose command was killed (128 and SIGKILL), and what Podman's runtime says of a step that was. */
const KILLED = 137;
const KILLED_WORDS = /^container exited on killed$/m;

/** A context that is being sent; `broken` ends with its error, also when it only stops before its end. */
export interface WatchedContext {
  readonly broken: AbortSignal;
}

/** To be called before anything is awaited: an error that nobody listens for ends the process. */
export function watchContext(context: Readable): WatchedContext {
  const controller = new AbortController();
  finished(context, { writable: false }, (error) => {
    if (error) controller.abort(error);
  });
  context.on('error', () => undefined);
  return { broken: controller.signal };
}

/**
 * One build by the engine's classic builder. That one, not BuildKit, as it enforces limits: through this API BuildKit
 * takes a memory limit and ignores it. `transcript` is filled also when the build throws.
 */
export async function runBuild(
  client: DockerClient,
  ways: EngineWays,
  request: EngineBuild,
  transcript: BuildTranscript,
  context: WatchedContext,
  watch: EventWatch,
  signal: AbortSignal,
): Promise<BuiltImage> {
  let problem: unknown;
  try {
    await follow(client, ways, request, transcript, context, watch, signal);
  } catch (thrown) {
    problem = thrown;
  }
  transcript.end();
  signal.throwIfAborted();
  // An engine that gives up early breaks the upload: what it said counts for more than the broken context.
  if (context.broken.aborted && transcript.fault === null && transcript.imageId === null) throw context.broken.reason;
  if (ways.tellsOutOfMemory) await outOfMemory(request, transcript, watch);
  else killedUnderLimit(request, transcript);
  if (transcript.fault !== null) throw asCommitted(await faultError(client, ways, transcript), request);
  if (problem !== undefined) throw asCommitted(requestError('build', client.host, problem), request);
  if (transcript.imageId === null) throw unreachable(client.host, new Error('it ended the build without saying how'));
  return { id: transcript.imageId };
}

async function follow(
  client: DockerClient,
  ways: EngineWays,
  request: EngineBuild,
  transcript: BuildTranscript,
  { broken }: WatchedContext,
  watch: EventWatch,
  signal: AbortSignal,
): Promise<void> {
  const end = new AbortController();
  const onBroken = (): void => end.abort(broken.reason);
  const onAbort = (): void => end.abort(signal.reason);
  broken.addEventListener('abort', onBroken, { once: true });
  signal.addEventListener('abort', onAbort, { once: true });
  if (broken.aborted) onBroken();
  if (signal.aborted) onAbort();
  const call = (abortSignal: AbortSignal) =>
    client.docker.buildImage(request.context, { ...optionsOf(request), ...ways.options(request), abortSignal });
  try {
    for await (const object of client.progress('build', call, end.signal)) {
      transcript.take(object);
      if (transcript.steps.containers.size > 0) void watch.begin();
    }
  } finally {
    broken.removeEventListener('abort', onBroken);
    signal.removeEventListener('abort', onAbort);
  }
}

function optionsOf(request: EngineBuild) {
  const { memoryBytes, cpu } = request;
  return {
    t: request.reference,
    dockerfile: request.dockerfile,
    buildargs: { ...request.buildArgs },
    platform: request.platform,
    rm: true,
    forcerm: true,
    nocache: !request.useCache,
    // Swap would let a step go on, slowly, past its memory.
    ...(memoryBytes === null ? {} : { memory: memoryBytes, memswap: memoryBytes }),
    ...(cpu === null
      ? {}
      : { cpuperiod: CPU_PERIOD, cpuquota: Math.max(SMALLEST_CPU_QUOTA, Math.round(cpu * CPU_PERIOD)) }),
    registryconfig: registryConfig(request.logins),
  };
}

/** The engine decodes this header as URL-safe base64, the modem would encode it as the plain kind. */
function registryConfig(logins: Readonly<Record<string, RegistryLogin>>): { readonly base64: string } {
  const base64 = Buffer.from(JSON.stringify(logins)).toString('base64');
  return { base64: base64.replaceAll('+', '-').replaceAll('/', '_') };
}

/** Throws `out_of_memory` when the engine says that a step was short of it, also where the step went on. */
async function outOfMemory(request: EngineBuild, transcript: BuildTranscript, watch: EventWatch): Promise<void> {
  const containers = [...transcript.steps.containers];
  const last = containers.at(-1);
  if (last === undefined) return;
  await watch.begin();
  if (transcript.fault === null && transcript.imageId !== null) await watch.named(request.reference, EVENT_LAG_MS);
  else if (transcript.fault !== null) await watch.gone(last[0], EVENT_LAG_MS);
  const hit = containers.find(([container]) => watch.ranOutOfMemory(container));
  if (hit === undefined) return;
  const sentence = `${stepText(hit[1])} ran out of its memory${limitText(request)}.`;
  throw engineError('out_of_memory', sentence, transcript.tail());
}

/** For an engine that does not tell: throws `out_of_memory` when a step under a limit of memory ended by the kernel's signal. */
function killedUnderLimit(request: EngineBuild, transcript: BuildTranscript): void {
  const { fault, steps } = transcript;
  if (request.memoryBytes === null || fault === null || fault.exitCode === null) return;
  if (fault.exitCode !== KILLED && !KILLED_WORDS.test(transcript.tail())) return;
  const sentence = `${stepText(steps.step)} was killed, as is a step that runs out of its memory${limitText(request)}.`;
  throw engineError('out_of_memory', sentence, transcript.tail());
}

function limitText({ memoryBytes }: EngineBuild): string {
  return memoryBytes === null ? '' : ` of ${sizeText(memoryBytes)}`;
}

async function faultError(client: DockerClient, ways: EngineWays, transcript: BuildTranscript): Promise<Error> {
  const { fault, steps } = transcript;
  const { exitCode } = fault ?? { exitCode: null };
  const message = ways.words(fault?.message ?? '');
  const code = classify('build', { message, status: null, exitCode });
  if (code !== 'build_failed') return engineError(code, sentenceOf(code, client.host, message), transcript.tail());
  // An engine that is being stopped kills its steps first: their exit codes say nothing about the Dockerfile.
  await client.ask('other', (abortSignal) => client.docker.ping({ abortSignal }), { timeoutMs: PING_MS });
  const sentence =
    exitCode === null
      ? `${stepText(steps.step)} failed: ${sentenceOf(code, client.host, message).replace(/^The engine said: /, '')}`
      : `${stepText(steps.step)} ended with exit code ${exitCode}.`;
  return engineError(code, sentence, transcript.tail());
}

/** Where engines name the file that they read: Docker 20.10, Docker 23, and Podman by its place in a folder of its own. */
const BEFORE_NAME = ['specified Dockerfile: ', 'the Dockerfile (', 'failed to parse ', '/build/'];

/** The error, with the Dockerfile's name as its maintainer knows it. */
function asCommitted(error: Error, { dockerfile, dockerfileName }: EngineBuild): Error {
  for (const before of BEFORE_NAME)
    error.message = error.message.replaceAll(`${before}${dockerfile}`, `${before}${dockerfileName}`);
  return error;
}

function stepText(step: BuildStep | null): string {
  if (step === null) return 'The build';
  // Behind the Dockerfile's own stands the one that this service adds.
  if (step.number > step.of) return 'The step that gives the image its labels';
  const stage = step.stage === null ? '' : ` in stage ${step.stage.number} of ${step.stage.of}`;
  return `Step ${step.number} of ${step.of}${stage}, \`${step.instruction}\`,`;
}

function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${units[power]}`;
}
