import { FAILURES, type FailureCode } from '../../kernel/failure.js';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { withoutEnd } from '../../kernel/text.js';
import { cleanLine } from '../decide/output.js';

/** What was asked of the engine; the same words mean other things in a push than in a build. */
export type EngineTask = 'build' | 'push' | 'other';

/** What an engine said when it could not do it. */
export interface EngineFault {
  readonly message: string;
  /** HTTP status of the answer; null when the fault came in the progress stream, or there was no answer. */
  readonly status: number | null;
  /** Exit code of the step that failed; null when no step was run. */
  readonly exitCode: number | null;
}

type Rule = readonly [RegExp, FailureCode];

/**
 * The words of Docker 20.10 to 27 and Podman 4, read in this order. A step's exit code is looked at before any word:
 * the sentence that carries it quotes the Dockerfile.
 */
const ANY_TASK: readonly Rule[] = [
  [/no space left on device|disk quota exceeded/i, 'disk_full'],
  [
    /daemon is shutting down|server shutting down|context canceled|transport is closing|ttrpc: closed|client connection is closing|containerd.*(not running|connection refused)|error while dialing|dial unix|build cancel+ed/i,
    'engine_unavailable',
  ],
];

const REGISTRY: readonly Rule[] = [
  [/no basic auth credentials|unauthorized|authentication required|incorrect username or password/i, 'registry_denied'],
  [/^denied$|denied: |access forbidden|insufficient_scope|403 forbidden/i, 'registry_denied'],
  [
    /unexpected http status|toomanyrequests|dial tcp|connection refused|connection reset|no such host|server misbehaving|network is unreachable|no route to host|i\/o timeout|tls handshake|client\.timeout|deadline exceeded|server gave http response|x509:|unexpected eof|: eof$|broken pipe/i,
    'registry_unavailable',
  ],
];

const BUILD: readonly Rule[] = [
  [/^(add|copy) failed/i, 'build_failed'],
  [
    /does not match the specified platform|no matching manifest for|cannot parse platform specifier|unknown operating system or architecture|no image found in .* for architecture/i,
    'platform_unavailable',
  ],
  [
    /manifest unknown|manifest for .* not found|name unknown|pull access denied|repository .* not found/i,
    'parent_missing',
  ],
  ...REGISTRY,
  // Taken away by the clean-up of another build while this one stood on it, or looked through the cache; the next try
  // makes it anew.
  [
    /^no such image: (\S+@)?sha256:|^unable to find image "?sha256:|^unknown parent image|^failed to export image|layer does not exist|^failed to get digest sha256:|(image|layer|container) not known$/i,
    'engine_unavailable',
  ],
  [/cannot locate specified dockerfile/i, 'dockerfile_missing'],
  [
    /requires buildkit|dockerfile parse error|unknown instruction|unknown flag|failed to process|invalid from flag|no build stage/i,
    'dockerfile_invalid',
  ],
];

const PUSH: readonly Rule[] = [
  [/name unknown/i, 'registry_denied'],
  ...REGISTRY,
  [/does not exist locally|no such image/i, 'internal'],
];

/** The code of what an engine said. Errors of the connection have their own: see `unreachable`. */
export function classify(task: EngineTask, fault: EngineFault): FailureCode {
  if (task === 'build' && fault.exitCode !== null) return 'build_failed';
  const rules = [...ANY_TASK, ...(task === 'build' ? BUILD : task === 'push' ? PUSH : [])];
  const rule = rules.find(([words]) => words.test(fault.message));
  if (rule !== undefined) return rule[1];
  if (fault.status !== null) return codeOfStatus(task, fault.status);
  return task === 'build' ? 'build_failed' : task === 'push' ? 'registry_unavailable' : 'engine_unavailable';
}

function codeOfStatus(task: EngineTask, status: number): FailureCode {
  if (status === 400) return task === 'build' ? 'dockerfile_invalid' : 'internal';
  if (status === 401 || status === 403) return task === 'push' ? 'registry_denied' : 'engine_unavailable';
  return status >= 500 ? 'engine_unavailable' : 'internal';
}

/** Makes the error; whether it is transient comes from the table. The message is a whole sentence. */
export function engineError(code: FailureCode, message: string, detail = '', cause?: unknown): ServiceError {
  return new ServiceError(code, message, { transient: FAILURES[code].transient, detail, cause });
}

/** The error for an engine that could not be spoken to, or whatever else a request was rejected with. */
export function requestError(task: EngineTask, host: string, thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const error = toError(thrown);
  const status = statusIn(error);
  if (status === null) return unreachable(host, error);
  const said = saidIn(error);
  const code = classify(task, { message: said, status, exitCode: null });
  return engineError(
    code,
    sentenceOf(code, host, said === '' ? `it said no more than status ${status}` : said),
    '',
    error,
  );
}

/** HTTP status of the answer that an error of `requestError` was made of; null where there was no answer. */
export function statusOf(thrown: unknown): number | null {
  return thrown instanceof Error ? statusIn(thrown.cause) : null;
}

/** What a request gives; `refused` where the engine answers it, whatever it has against it. Rejects where none answers. */
export async function unlessRefused<T, R>(refused: R, request: () => Promise<T>): Promise<T | R> {
  try {
    return await request();
  } catch (thrown) {
    if (statusOf(thrown) === null) throw thrown;
    return refused;
  }
}

function statusIn(error: unknown): number | null {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : null;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nothing listens there',
  EACCES: 'this user may not open it',
  EPERM: 'this user may not open it',
  ECONNRESET: 'it broke the connection off',
  EPIPE: 'it broke the connection off',
  ERR_STREAM_PREMATURE_CLOSE: 'it broke the connection off',
  ETIMEDOUT: 'no answer in time',
  ENOTFOUND: 'its host name is unknown',
};

/** The engine did not answer, or stopped in the middle. */
export function unreachable(host: string, error: Error): ServiceError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const reason = error.name === 'TimeoutError' ? 'no answer in time' : (REASONS[code] ?? clean(error.message));
  return engineError('engine_unavailable', `The container engine at ${host} is away: ${reason}.`, '', error);
}

/** One sentence for a maintainer, the engine's own words in it. */
export function sentenceOf(code: FailureCode, host: string, said: string): string {
  const words = clean(said);
  switch (code) {
    case 'engine_unavailable':
      return `The container engine at ${host} could not go on: ${words}.`;
    case 'disk_full':
      return `The container engine or the registry has no room left: ${words}.`;
    case 'registry_denied':
      return `The registry refused the engine: ${words}.`;
    case 'registry_unavailable':
      return `The engine could not reach the registry: ${words}.`;
    case 'parent_missing':
      return `A parent image is missing: ${words}.`;
    case 'platform_unavailable':
      return `The engine at ${host} has no image for the platform: ${words}.`;
    case 'dockerfile_invalid':
      return `The engine can't read the Dockerfile: ${words}.`;
    default:
      return `The engine said: ${words}.`;
  }
}

/** The engine's words without what dockerode puts before them. */
function saidIn(error: Error): string {
  return error.message.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}

function clean(text: string): string {
  const line = text
    .trim()
    .split('\n')
    .map((part) => part.trim())
    .join(' ');
  return withoutEnd(cleanLine(line), /[.\s]/);
}
