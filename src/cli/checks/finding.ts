import { ServiceError, toError } from '../../kernel/service-error.js';
import { adviceFor } from '../faults.js';

/** What a check of `doctor` found. */
export interface Finding {
  readonly name: string;
  /** `warn`: works, but look at it. `fault`: builds can't work like this. */
  readonly status: 'ok' | 'warn' | 'fault';
  /** What was seen, one sentence. */
  readonly text: string;
  /** What to do about it; empty when all is well. */
  readonly advice: string;
}

export type Check = () => Promise<Finding>;

export function well(name: string, text: string): Finding {
  return { name, status: 'ok', text, advice: '' };
}

export function warn(name: string, text: string, advice: string): Finding {
  return { name, status: 'warn', text, advice };
}

export function fault(name: string, text: string, advice: string): Finding {
  return { name, status: 'fault', text, advice };
}

/** The fault that an error means. */
export function faultOf(name: string, thrown: unknown, advice?: string): Finding {
  const error = toError(thrown);
  const known = error instanceof ServiceError;
  const detail = known && error.detail !== '' ? ` (${error.detail.split('\n')[0] ?? ''})` : '';
  return fault(
    name,
    `${error.message}${detail}${known ? ` [${error.code}]` : ''}`,
    advice ?? (known ? adviceFor(error.code) : 'A fault of Layerwright itself; LAYERWRIGHT_DEBUG=1 shows where.'),
  );
}

/** Runs a check within a bound; what it throws, and its lateness, are faults. */
export async function bounded(name: string, limitMs: number, check: Check): Promise<Finding> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(
      () => resolve(fault(name, `no answer within ${limitMs / 1_000} s`, 'See whether it hangs, and why.')),
      limitMs,
    );
  });
  try {
    return await Promise.race([check().catch((thrown: unknown) => faultOf(name, thrown)), late]);
  } finally {
    clearTimeout(timer);
  }
}
