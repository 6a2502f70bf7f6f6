import type {
  Bus,
  Claim,
  ConsumeOptions,
  Consumer,
  Follower,
  Handler,
  Listener,
  PublishOptions,
} from '../../src/bus/index.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import type { Message } from '../../src/messages/index.js';
import type { Broker, HeldClaim, Taker } from './broker.js';
import { SimulatedConsumer, type Wired } from './consumer.js';
import type { Faults } from './faults.js';
import { frozen } from './frozen.js';
import type { Life, Scheduler, What } from './scheduler.js';

/** One process's connection to the broker. */
export class SimulatedBus implements Bus, Wired {
  readonly kind = 'embedded';
  readonly life: Life;
  readonly #scheduler: Scheduler;
  readonly #broker: Broker;
  readonly #faults: Faults;
  readonly #claims = new Map<HeldClaim, AbortController>();
  readonly #consumers = new Map<Taker, SimulatedConsumer>();
  #term = 1;
  /** Until when nothing goes through. */
  #cutUntil = 0;

  constructor(life: Life, scheduler: Scheduler, broker: Broker, faults: Faults) {
    this.life = life;
    this.#scheduler = scheduler;
    this.#broker = broker;
    this.#faults = faults;
  }

  get isCut(): boolean {
    return this.#scheduler.now < this.#cutUntil;
  }

  /** A call at the broker; `applied` false: a fault comes before, true: it may come after as well. */
  call<T>(what: What, work: () => T, mayDoAndFail = false): Promise<Awaited<T>> {
    return this.#scheduler.perform(this.life, what, () => {
      if (this.isCut) throw unavailable('the connection is cut');
      const glitch = this.#faults.glitch('bus');
      if (glitch && !(mayDoAndFail && this.#faults.afterAll())) throw unavailable('a fault of the wire');
      const result = work();
      if (glitch) throw unavailable('no answer came');
      return result;
    });
  }

  async publish(message: Message, options: PublishOptions = {}): Promise<void> {
    const sent = frozen(message);
    const what = (): string => {
      const { build } = message.body as { build?: { id?: string; attempt?: number } };
      return `publish ${message.topic.split('.container.')[1]} of ${build?.id?.slice(0, 6)}, attempt ${build?.attempt}`;
    };
    const late = { kept: false, tell: (): void => undefined };
    const onKept = (): void => {
      late.kept = true;
      this.#scheduler.send(
        this.life,
        () => `confirmed: ${what()}`,
        () => late.tell(),
      );
    };
    const isStored = await this.call(what, () => this.#broker.store(sent, options.again, onKept), true);
    // A broker confirms what all that are to have it have.
    if (isStored || late.kept) return;
    await new Promise<void>((resolve) => {
      late.tell = resolve;
    });
  }

  consume(name: string, handler: Handler, options: ConsumeOptions): Promise<Consumer> {
    return this.call(
      () => `consume ${name}`,
      () => {
        const group = this.#broker.groups.get(name);
        if (group === undefined) throw new ServiceError('bus_incompatible', `no group ${name} in the topology`);
        const consumer = new SimulatedConsumer(this, this.#scheduler, this.#broker, group, handler, options);
        this.#consumers.set(consumer, consumer);
        if (this.life.alive) group.takers.add(consumer);
        this.#broker.hand(group);
        return consumer;
      },
    );
  }

  claim(key: string, by: string): Promise<Claim | null> {
    return this.call(
      () => `claim ${short(key)}`,
      () => {
        if (this.#broker.claims.has(key) && this.#broker.sabotage !== 'claims') return null;
        const held: HeldClaim = { key, by };
        this.#broker.claims.set(key, held);
        // Asked for with its last breath: nobody renews it.
        if (!this.life.alive)
          this.#scheduler.after(null, this.#broker.kind.leaseMs, () => this.#broker.free([held], []));
        const lost = new AbortController();
        this.#claims.set(held, lost);
        return {
          key,
          lost: lost.signal,
          verify: () =>
            lost.signal.aborted
              ? Promise.resolve(false)
              : this.call(
                  () => `verify ${short(key)}`,
                  () => this.#broker.isHeld(held),
                ),
          release: () => this.#release(held),
        };
      },
    );
  }

  /** Where the broker can't be reached, what was held lapses. */
  async #release(held: HeldClaim): Promise<void> {
    if (!this.#claims.has(held)) return;
    await this.#scheduler.perform(
      this.life,
      () => `release ${short(held.key)}`,
      () => {
        this.#claims.delete(held);
        const free = (): void => this.#broker.free([held], []);
        if (this.isCut) this.#scheduler.after(null, this.#broker.kind.leaseMs, free);
        else free();
      },
    );
  }

  holder(key: string): Promise<string | null> {
    return this.call(
      () => `holder of ${short(key)}`,
      () => this.#broker.claims.get(key)?.by ?? null,
    );
  }

  waiting(name: string): Promise<number> {
    return this.call(
      () => `waiting in ${name}`,
      () => {
        const group = this.#broker.groups.get(name);
        return group === undefined ? 0 : group.waiting.length + group.delayed;
      },
    );
  }

  term(): number {
    return this.#term;
  }

  /** What this connection holds is free after `afterMs`; its process is told when it can be. */
  lose(afterMs: number, cutMs: number): void {
    const now = this.#scheduler.now;
    this.#cutUntil = Math.max(this.#cutUntil, now + cutMs);
    const claims = [...this.#claims];
    this.#scheduler.after(null, afterMs, () => {
      const takings = [...this.#broker.takings].filter((taking) => this.#consumers.has(taking.taker));
      this.#broker.free(
        claims.map(([held]) => held),
        takings,
      );
    });
    // It knows at the latest when its own renewals have failed for so long.
    this.#scheduler.after(null, this.#scheduler.random.below(afterMs + 1), () =>
      this.#scheduler.send(
        this.life,
        () => 'the news that its connection broke',
        () => {
          this.#term += 1;
          for (const [held, lost] of claims) {
            this.#claims.delete(held);
            lost.abort();
          }
        },
      ),
    );
  }

  /** The process is gone. */
  die(afterMs: number): void {
    for (const consumer of this.#consumers.values()) consumer.group.takers.delete(consumer);
    this.lose(afterMs, 0);
  }

  async listen(): Promise<Listener> {
    return { stop: async () => undefined };
  }

  async *read(): AsyncGenerator<never> {}

  async follow(): Promise<Follower> {
    throw new Error('ledgers of the simulation follow the broker by themselves');
  }

  async examine(): Promise<readonly []> {
    return [];
  }

  async health(): Promise<{ ok: true; detail: string }> {
    return { ok: true, detail: 'simulated' };
  }

  async close(): Promise<void> {
    for (const consumer of this.#consumers.values()) await consumer.stop();
    for (const held of [...this.#claims.keys()]) await this.#release(held);
  }
}

function short(key: string): string {
  return key.replace(/([0-9a-f]{6})[0-9a-f]{2}-[0-9a-f-]{27}/, '$1');
}

function unavailable(reason: string): ServiceError {
  return new ServiceError('bus_unavailable', `the bus did not answer: ${reason}`, { transient: true });
}
