import { FAILURES, type Failure, type FailureCode, failure } from '../../kernel/failure.js';
import { LIMITS } from '../../kernel/limits.js';
import { ServiceError, toError } from '../../kernel/service-error.js';

const MESSAGE_CHARACTERS = 1_000;

/** Makes a failure of whatever a step threw. Ask `isOwnPartAway` and the abort signal's reason first. */
export function toFailure(error: unknown, step: string): Failure {
  if (error instanceof ServiceError && isFailureCode(error.code))
    return failure(error.code, step, sentence(error.message, error.code), lastLines(error.detail));
  const known = toError(error);
  if (errnoOf(known) === 'ENOSPC')
    return failure(
      'disk_full',
      step,
      'There is no room left on the disk of the build service.',
      lastLines(known.message),
    );
  if (known.name === 'TimeoutError') return failure('build_timeout', step, `The step ${step} took longer than it may.`);
  return failure(
    'internal',
    step,
    `A fault of the build service in the step ${step}: ${firstLine(known.message) || known.name}.`,
    lastLines(known.stack ?? ''),
  );
}

/** The last lines of output that a failure's detail may hold. */
export function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n').slice(-LIMITS.detailLines).join('\n');
  return lines.length <= LIMITS.detailCharacters ? lines : lines.slice(-LIMITS.detailCharacters);
}

function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}

function sentence(message: string, code: FailureCode): string {
  const line = firstLine(message);
  if (line === '') return FAILURES[code].advice;
  return /[.!?…]$/.test(line) ? line : `${line}.`;
}

function firstLine(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length <= MESSAGE_CHARACTERS ? line : `${line.slice(0, MESSAGE_CHARACTERS)}…`;
}

function errnoOf(error: Error): string | null {
  const code = 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : null;
}
