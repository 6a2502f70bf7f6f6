import type { Random } from './random.js';

/**
 * Milliseconds that what was asked for may be under way, and its answer too. What takes longer is no slow network but a
 * process that stands still, and that is a fault of its own (`stands`).
 */
export const LONGEST_DELAY_MS = 3_000;

/** A process of the world: its code runs only when the scheduler gives it an answer or a timer. */
export interface Life {
  readonly name: string;
  alive: boolean;
  /** Stopped (SIGSTOP): answers and timers wait. What it had asked for is done all the same. */
  stands: boolean;
  /** How readily it is chosen. */
  readonly weight: number;
}

/** Words for the steps that are printed; made only then. */
export type What = () => string;

/** A call at a port: asked for, done by the other side some time later, answered later still. */
interface Operation {
  readonly what: What;
  /** Null: whoever asked is gone, or asked for no answer. */
  life: Life | null;
  readonly apply: (() => unknown) | null;
  readonly deliver: (result: unknown, failed: boolean) => void;
  /** It is not done before. */
  readonly notBefore: number;
  done: boolean;
  since: number;
  result: unknown;
  failed: boolean;
}

export interface Timer {
  readonly due: number;
  /** Null: the world's own. */
  readonly life: Life | null;
  readonly run: () => void;
  readonly order: number;
}

export interface PerformOptions {
  /** The other side takes so many milliseconds. */
  readonly takes?: number;
  /** Who asked stops waiting when it ends; the other side may do it all the same. */
  readonly signal?: AbortSignal | undefined;
}

/** Decides at every await of a port what goes on next. Time is virtual: it passes when nothing else is chosen. */
export class Scheduler {
  readonly random: Random;
  /** Whose code runs now. */
  current: Life | null = null;
  /** Milliseconds since the beginning. */
  now = 0;
  steps = 0;
  /** Chance that time passes though something could be done. */
  haste: number;
  readonly #note: ((line: string) => void) | null;
  readonly #turn: () => Promise<void>;
  #operations: Operation[] = [];
  #timers: Timer[] = [];
  #order = 0;

  /** `turn` resolves when all code that can run without an answer has run. */
  constructor(random: Random, turn: () => Promise<void>, note: ((line: string) => void) | null) {
    this.random = random;
    this.haste = random.pick([0, 0.01, 0.05]);
    this.#turn = turn;
    this.#note = note;
  }

  note(line: What): void {
    this.#note?.(`${String(this.steps).padStart(4)} ${(this.now / 1_000).toFixed(3).padStart(8)}s  ${line()}`);
  }

  /** A call of the process whose code runs now. `apply` is what the other side does; it may throw. */
  perform<T>(life: Life, what: What, apply: () => T, { takes = 0, signal }: PerformOptions = {}): Promise<Awaited<T>> {
    return new Promise<Awaited<T>>((resolve, reject) => {
      if (!life.alive) return;
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const operation = this.#add(life, what, apply, this.now + takes, (result, failed) => {
        signal?.removeEventListener('abort', abandon);
        if (failed) reject(result);
        else resolve(result as Awaited<T>);
      });
      const abandon = (): void => {
        operation.life = null;
        if (this.random.chance(0.5)) this.#drop(operation);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abandon, { once: true });
    });
  }

  /** Something comes to a process by itself: a message, the news of a break. */
  send(life: Life, what: What, arrive: () => void): void {
    if (!life.alive) return;
    const operation = this.#add(life, what, null, this.now, arrive);
    operation.done = true;
  }

  #add(
    life: Life,
    what: What,
    apply: (() => unknown) | null,
    notBefore: number,
    deliver: Operation['deliver'],
  ): Operation {
    const operation: Operation = {
      what,
      life,
      apply,
      deliver,
      notBefore,
      done: false,
      since: notBefore,
      result: undefined,
      failed: false,
    };
    this.#operations.push(operation);
    return operation;
  }

  #drop(operation: Operation): void {
    const index = this.#operations.indexOf(operation);
    if (index >= 0) this.#operations.splice(index, 1);
  }

  after(life: Life | null, ms: number, run: () => void): Timer {
    this.#order += 1;
    const timer = { due: this.now + Math.max(0, ms), life, run, order: this.#order };
    this.#timers.push(timer);
    return timer;
  }

  cancel(timer: Timer): void {
    const index = this.#timers.indexOf(timer);
    if (index >= 0) this.#timers.splice(index, 1);
  }

  /** The process is gone: no answer reaches it. Half of what it had asked for is done all the same. */
  kill(life: Life): void {
    life.alive = false;
    this.#timers = this.#timers.filter((timer) => timer.life !== life);
    this.#operations = this.#operations.filter((operation) => {
      if (operation.life !== life) return true;
      operation.life = null;
      return !operation.done && this.random.chance(0.5);
    });
  }

  /** Does one thing. False when there is nothing that could ever happen. */
  async step(): Promise<boolean> {
    this.steps += 1;
    const ready = this.#ready();
    const due = this.#dueTimer();
    const choices = ready.length + (due === null ? 0 : 1);
    if (choices === 0 || (due === null && this.random.chance(this.haste))) {
      const passed = this.#pass();
      if (choices === 0 || passed) return passed;
    }
    const chosen = this.#choose(ready, due);
    if (chosen === null) return true;
    if ('due' in chosen) await this.#fire(chosen);
    else if (chosen.done) await this.#answer(chosen);
    else this.#do(chosen);
    return true;
  }

  #ready(): readonly Operation[] {
    const ready: Operation[] = [];
    for (const operation of this.#operations) {
      const { life, done, notBefore } = operation;
      if (done ? life?.alive === true && !life.stands : notBefore <= this.now) ready.push(operation);
    }
    return ready;
  }

  /** Timers fire in the order in which they are due. */
  #dueTimer(): Timer | null {
    let first: Timer | null = null;
    for (const timer of this.#timers) {
      if (timer.due > this.now || timer.life?.stands === true) continue;
      if (first === null || timer.due < first.due || (timer.due === first.due && timer.order < first.order))
        first = timer;
    }
    return first;
  }

  /** Time goes on to the next thing that waits for it. False when it may not: something is overdue, or nothing waits. */
  #pass(): boolean {
    let next = Number.POSITIVE_INFINITY;
    for (const timer of this.#timers) if (timer.life?.stands !== true && timer.due < next) next = timer.due;
    let latest = Number.POSITIVE_INFINITY;
    for (const { done, notBefore, since, life } of this.#operations) {
      if (!done && notBefore > this.now && notBefore < next) next = notBefore;
      if (!(done && (life?.stands ?? true))) latest = Math.min(latest, since + LONGEST_DELAY_MS);
    }
    if (next === Number.POSITIVE_INFINITY || next > latest || next <= this.now) return false;
    this.now = next;
    return true;
  }

  #choose(ready: readonly Operation[], due: Timer | null): Operation | Timer | null {
    let all = due === null ? 0 : (due.life?.weight ?? 1);
    for (const { life } of ready) all += life?.weight ?? 1;
    let at = this.random.next() * all;
    for (const operation of ready) {
      at -= operation.life?.weight ?? 1;
      if (at < 0) return operation;
    }
    return due ?? ready[ready.length - 1] ?? null;
  }

  #do(operation: Operation): void {
    try {
      operation.result = operation.apply?.();
    } catch (thrown) {
      operation.result = thrown;
      operation.failed = true;
    }
    operation.done = true;
    operation.since = this.now;
    this.note(() => {
      const by = operation.life === null ? ' (whoever asked is gone)' : ` for ${operation.life.name}`;
      return `done: ${operation.what()}${by}${operation.failed ? `, failed: ${String(operation.result)}` : ''}`;
    });
    if (operation.life === null) this.#drop(operation);
  }

  async #answer(operation: Operation): Promise<void> {
    this.#drop(operation);
    this.note(() => `${operation.life?.name ?? ''} gets: ${operation.what()}`);
    await this.as(operation.life, () => operation.deliver(operation.result, operation.failed));
  }

  async #fire(timer: Timer): Promise<void> {
    this.cancel(timer);
    await this.as(timer.life, timer.run);
  }

  /** Runs code as a process, until all of it waits again. */
  async as(life: Life | null, code: () => void): Promise<void> {
    this.current = life;
    code();
    if (life !== null) await this.#turn();
    this.current = null;
  }
}
