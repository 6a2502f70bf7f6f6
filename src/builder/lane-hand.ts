import type { Bus, Consumer, DeadReason, Delivery, Verdict } from '../bus/index.js';
import type { Message } from '../messages/index.js';

export interface HandWork {
  /** Has a request until its verdict; what it begins goes on without the hand. */
  handle(delivery: Delivery): Promise<Verdict>;
  onDead(message: Message, why: DeadReason): Promise<void>;
  /** Called after each request. */
  onDone(): void;
  onFault(thrown: unknown): void;
}

/** Takes one request at a time, and only while it is told to. */
export class LaneHand {
  readonly #work: HandWork;
  #consumer: Consumer | null = null;
  #busy = false;
  #wanted = true;
  #isOpen = true;
  #turning: Promise<void> | null = null;

  constructor(work: HandWork) {
    this.#work = work;
  }

  /** Takes requests of a group from now on. */
  async open(bus: Bus, group: string): Promise<void> {
    const { onDead } = this.#work;
    this.#consumer = await bus.consume(group, (delivery) => this.#handle(delivery), { slots: 1, onDead });
  }

  /** True while it has a request. */
  get isBusy(): boolean {
    return this.#busy;
  }

  /** Lets it take the next request, or none; one after the other, as a bus needs its time to turn. */
  turn(open: boolean): void {
    this.#wanted = open;
    this.#turning ??= this.#apply()
      .catch((thrown: unknown) => this.#work.onFault(thrown))
      .finally(() => {
        this.#turning = null;
      });
  }

  /** Takes no more; resolves when nothing more comes. */
  async shut(): Promise<void> {
    this.turn(false);
    await this.#turning;
  }

  /** Ends the wait of its request, and resolves when that has its verdict. */
  async stop(): Promise<void> {
    await this.#consumer?.stop();
  }

  async #handle(delivery: Delivery): Promise<Verdict> {
    this.#busy = true;
    try {
      return await this.#work.handle(delivery);
    } finally {
      this.#busy = false;
      this.#work.onDone();
    }
  }

  async #apply(): Promise<void> {
    while (this.#consumer !== null && this.#isOpen !== this.#wanted) {
      this.#isOpen = this.#wanted;
      await (this.#isOpen ? this.#consumer.resume() : this.#consumer.pause());
    }
  }
}
