import type { ConsumeOptions, Consumer, Handler, Verdict } from '../../src/bus/index.js';
import { ServiceError, toError } from '../../src/kernel/service-error.js';
import { pause } from '../../src/runtime/clock.js';
import type { Broker, Group, Taking } from './broker.js';
import type { Life, Scheduler, What } from './scheduler.js';

/** Milliseconds before a counted retry; the real ladder is longer, which changes no decision. */
const RETRY_MS = 1_000;
const MAX_RETRIES = 5;
/** Milliseconds between two tries to tell the broker how a delivery ended. */
const SETTLE_PAUSE_MS = 200;

/** The connection of a consumer's process. */
export interface Wired {
  readonly life: Life;
  readonly isCut: boolean;
  call<T>(what: What, work: () => T): Promise<Awaited<T>>;
}

/** One process's part of a group. */
export class SimulatedConsumer implements Consumer {
  readonly group: Group;
  readonly #bus: Wired;
  readonly #scheduler: Scheduler;
  readonly #broker: Broker;
  readonly #handler: Handler;
  readonly #options: ConsumeOptions;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #taken = 0;
  #paused = false;

  constructor(
    bus: Wired,
    scheduler: Scheduler,
    broker: Broker,
    group: Group,
    handler: Handler,
    options: ConsumeOptions,
  ) {
    this.#bus = bus;
    this.#scheduler = scheduler;
    this.#broker = broker;
    this.group = group;
    this.#handler = handler;
    this.#options = options;
  }

  get life(): Life {
    return this.#bus.life;
  }

  get busy(): number {
    return this.#running.size;
  }

  get free(): boolean {
    return this.#isOpen && this.life.alive && this.#taken < this.#options.slots && !this.#bus.isCut;
  }

  get #isOpen(): boolean {
    return !this.#paused && !this.#stop.signal.aborted;
  }

  take(taking: Taking): void {
    this.#taken += 1;
    this.#scheduler.send(
      this.life,
      () => `a message of ${this.group.name}`,
      () => {
        if (!this.#isOpen || !taking.holds) {
          this.#taken -= 1;
          this.#broker.giveBack(taking);
          this.#broker.hand(this.group);
          return;
        }
        const work = this.#handle(taking)
          .catch(() => undefined)
          .finally(() => {
            this.#taken -= 1;
            this.#running.delete(work);
            this.#broker.hand(this.group);
          });
        this.#running.add(work);
      },
    );
  }

  async #handle(taking: Taking): Promise<void> {
    const { signal } = this.#stop;
    const { item } = taking;
    const verdict = await this.#handler({ message: item.message, retries: item.retries, signal }).catch(
      (thrown: unknown): Verdict => ({ kind: 'drop', code: 'handler_failed', reason: toError(thrown).stack ?? '' }),
    );
    await this.#obey(taking, verdict);
    if (verdict.kind === 'ack') await verdict.work?.(signal);
  }

  async #obey(taking: Taking, verdict: Verdict): Promise<void> {
    switch (verdict.kind) {
      case 'ack':
        return this.#settle(
          () => 'ack',
          () => this.#broker.settle(taking),
        );
      case 'drop':
        return this.#bury(taking, verdict);
      case 'retry':
        if (!verdict.uncounted && taking.item.retries >= (this.#options.maxRetries ?? MAX_RETRIES))
          return this.#bury(taking, { code: 'too_many_retries', reason: verdict.reason });
        return this.#settle(
          () => `retry: ${verdict.reason}`,
          () => {
            if (!verdict.uncounted) taking.item.retries += 1;
            this.#broker.later(taking, verdict.after ?? RETRY_MS);
          },
        );
    }
  }

  async #bury(taking: Taking, why: { readonly code: string; readonly reason: string }): Promise<void> {
    try {
      await this.#options.onDead?.(taking.item.message, why);
    } catch {
      return this.#settle(
        () => 'retry: not buried',
        () => this.#broker.later(taking, RETRY_MS),
      );
    }
    return this.#settle(
      () => `bury: ${why.code} ${why.reason}`,
      () => {
        if (this.#broker.settle(taking)) this.#broker.dead.push(taking.item.message);
      },
    );
  }

  /** Tried until the broker has it: what lapsed meanwhile, another has. */
  async #settle(what: What, work: () => void): Promise<void> {
    for (;;) {
      try {
        return await this.#bus.call(what, work);
      } catch (thrown) {
        if (!(thrown instanceof ServiceError)) throw thrown;
        await pause(SETTLE_PAUSE_MS);
      }
    }
  }

  async pause(): Promise<void> {
    this.#paused = true;
  }

  async resume(): Promise<void> {
    this.#paused = false;
    this.#broker.hand(this.group);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running);
    this.group.takers.delete(this);
  }
}
