import type { Scheduler, Timer } from './scheduler.js';
import { worldAborts } from './world-abort.js';

const realImmediate = globalThis.setImmediate;

/** Immediates that are set at once: between two of them the platform lets promises and ticks run, but polls nothing. */
const AT_ONCE = 64;

let left = 0;
let waiting: (() => void) | null = null;

function goOn(): void {
  left -= 1;
  const resolve = waiting;
  waiting = null;
  resolve?.();
}

/** Resolves when promises and ticks have all run: only the outside could go on then. One waits at a time. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting = resolve;
    if (left > 0) return;
    left = AT_ONCE;
    for (let number = 0; number < AT_ONCE; number += 1) realImmediate(goOn);
  });
}

/** What `setTimeout` gives, as far as the code of the service uses it. */
class VirtualTimeout {
  timer: Timer | null = null;

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

/**
 * Runs `work` with the scheduler's time and chance in the place of the machine's, for code that asks the platform:
 * `setTimeout`, `AbortSignal.timeout`, `Math.random`. A timer belongs to the process whose code sets it.
 */
export async function withVirtualTime<T>(scheduler: Scheduler, work: () => Promise<T>): Promise<T> {
  const { setTimeout, clearTimeout, AbortController, AbortSignal } = globalThis;
  const { random } = Math;
  const { stackTraceLimit } = Error;
  const set = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): VirtualTimeout => {
    const handle = new VirtualTimeout();
    handle.timer = scheduler.after(ownerOf(scheduler), ms, () => run(...args));
    return handle;
  };
  const clear = (handle: unknown): void => {
    if (handle instanceof VirtualTimeout && handle.timer !== null) scheduler.cancel(handle.timer);
  };
  const aborts = worldAborts((ms, run) => scheduler.after(ownerOf(scheduler), ms, run));
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear, ...aborts });
  Math.random = () => scheduler.random.next();
  // Thousands of aborts and faults, none of whose stacks anybody reads.
  Error.stackTraceLimit = 0;
  try {
    return await work();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout, AbortController, AbortSignal });
    Math.random = random;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function ownerOf({ current }: Scheduler): NonNullable<Scheduler['current']> {
  if (current === null) throw new Error('a timer was set by code that no process runs: the simulation has a leak');
  return current;
}
