import type { Msg } from 'nats';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { anyTopic } from '../../kernel/topic-pattern.js';
import { pause } from '../../runtime/clock.js';
import type { ConsumeOptions, Consumer, Delivery, Handler, Verdict } from '../contract.js';
import type { Link } from './connect.js';
import type { Copies } from './copies.js';
import { Endings } from './endings.js';
import { Hand } from './hand.js';
import { Legs } from './legs.js';
import type { Place } from './place.js';
import type { PullEnd } from './pulls.js';
import { ACK_WAIT_MS, consumerInfo, type LegPlan } from './streams.js';
import { isInternal } from './subjects.js';
import { decodeStored, earlyBy, fromCarried } from './wire.js';

/** How often the server is told that deliveries are worked on; milliseconds. A fourth of its patience. */
const WORKING_MS = ACK_WAIT_MS / 4;
/** Before asking again where the server said "later"; before declaring anew. Milliseconds. */
const LATER_MS = 500;
const REDECLARE_MS = { first: 500, longest: 10_000 } as const;
/** A free slot that got nothing for so long has the server asked whether work waits; how often it is looked at. */
const IDLE_MS = 20_000;
const WATCH_MS = 5_000;

/** What a consumer needs of its bus. */
export interface ConsumerParts {
  readonly link: Link;
  readonly group: string;
  readonly patterns: readonly string[];
  readonly legs: readonly LegPlan[];
  readonly copies: Copies;
  /** Makes what somebody removed. */
  redeclare(): Promise<void>;
}

/**
 * Asks for one message for each free slot, never more: what waits stays free for whoever has a slot. What comes all the
 * same (two consumers answered at once) is given back.
 */
export class NatsConsumer implements Consumer {
  readonly #parts: ConsumerParts;
  readonly #handler: Handler;
  readonly #options: ConsumeOptions;
  readonly #wants: (topic: string) => boolean;
  readonly #stopping = new AbortController();
  readonly #endings: Endings;
  readonly #running = new Set<Promise<void>>();
  readonly #hands = new Set<Hand>();
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #deaf: () => void;
  #legs: Legs | null = null;
  #paused = false;
  #looking = false;
  #heardAt = performance.now();
  #suspicions = 0;
  #mending: Promise<void> | null = null;

  constructor(parts: ConsumerParts, handler: Handler, options: ConsumeOptions) {
    this.#parts = parts;
    this.#handler = handler;
    this.#options = options;
    this.#endings = new Endings({ link: parts.link, copies: parts.copies, options, stopping: this.#stopping.signal });
    this.#wants = anyTopic(parts.patterns);
    this.#deaf = parts.link.onReturn(() => this.#renew());
    this.#timers = [
      setInterval(() => this.#tellWorking(), WORKING_MS),
      setInterval(() => void this.#watch().catch((thrown: unknown) => parts.link.fault(thrown)), WATCH_MS),
    ];
    this.#renew();
  }

  get busy(): number {
    return this.#running.size;
  }

  /** Deliveries of the retry stream in hands: the server does not tell them from those that wait for their time. */
  get retriesInHand(): number {
    return [...this.#hands].filter((hand) => hand.leg.retry && !hand.ended).length;
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await this.#dropLegs();
  }

  async resume(): Promise<void> {
    this.#paused = false;
    this.#renew();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#deaf();
    await this.#dropLegs();
    while (this.#running.size > 0) await Promise.all(this.#running);
    for (const timer of this.#timers) clearInterval(timer);
    await this.#mending;
  }

  get #open(): boolean {
    return !this.#paused && !this.#stopping.signal.aborted;
  }

  /** Asks anew, with requests that nobody forgot: at the start, after a break, when something was mended. */
  #renew(): void {
    void this.#dropLegs().catch((thrown: unknown) => this.#parts.link.fault(thrown));
    if (!this.#open || this.#parts.link.closed) return;
    const legs: Legs = new Legs(this.#parts.link, this.#parts.legs, {
      onMessage: (plan, msg, place) => this.#take(plan, msg, place, legs),
      onEnd: (end) => this.#ended(end),
    });
    this.#legs = legs;
    this.#look();
  }

  async #dropLegs(): Promise<void> {
    const legs = this.#legs;
    this.#legs = null;
    await legs?.close();
  }

  /** Once a turn of the event loop, however much happened in it. */
  #look(): void {
    if (this.#looking) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      const free = this.#options.slots - this.#running.size;
      if (this.#open && free > 0 && this.#parts.link.up && this.#mending === null) this.#legs?.ask(free);
    });
  }

  #ended(end: PullEnd): void {
    if (end === 'over') this.#look();
    else if (end === 'later') void pause(LATER_MS, this.#stopping.signal).then(() => this.#look());
    else
      this.#mending ??= this.#mend().finally(() => {
        this.#mending = null;
        this.#renew();
      });
  }

  /** A consumer or stream was removed: declares everything, as at the start. */
  async #mend(): Promise<void> {
    const { link, group } = this.#parts;
    for (
      let delay: number = REDECLARE_MS.first;
      this.#open && !link.closed;
      delay = Math.min(delay * 2, REDECLARE_MS.longest)
    ) {
      await pause(delay, this.#stopping.signal);
      if (!this.#open) return;
      try {
        await this.#parts.redeclare();
        link.fault(
          new ServiceError(
            'bus_incompatible',
            `the consumer of the group ${group} was removed on the server; it is made anew`,
          ),
        );
        return;
      } catch (thrown) {
        link.fault(thrown);
      }
    }
  }

  /** Connected is not alive: where work waits twice in a row and none came, everything is asked for anew. */
  async #watch(): Promise<void> {
    const { link, legs } = this.#parts;
    if (!this.#open || !link.up || this.#running.size >= this.#options.slots) return;
    if (this.#legs?.isSilent(IDLE_MS)) return this.#renew();
    if (performance.now() - this.#heardAt < IDLE_MS) {
      this.#suspicions = 0;
      return;
    }
    const infos = await Promise.all(legs.map((leg) => consumerInfo(link, leg)));
    if (infos.includes(null)) return this.#ended('gone');
    this.#suspicions = infos.some((info) => (info?.num_pending ?? 0) > 0) ? this.#suspicions + 1 : 0;
    if (this.#suspicions < 2) return;
    this.#suspicions = 0;
    link.fault(
      new ServiceError('bus_unavailable', `messages wait in ${this.#parts.group} and none comes: reconnecting`),
    );
    await link.nc.reconnect();
  }

  #tellWorking(): void {
    for (const hand of this.#hands) {
      if (!hand.ended) void hand.working().catch(() => undefined);
    }
  }

  #take(plan: LegPlan, msg: Msg, place: Place, legs: Legs): void {
    this.#heardAt = performance.now();
    const { link } = this.#parts;
    const hand = new Hand(link, plan, msg, place, fromCarried(msg, plan.retry));
    if (!plan.retry && (isInternal(msg.subject) || !this.#wants(msg.subject))) {
      hand.ack();
      this.#look();
      return;
    }
    const early = earlyBy(hand.arrived.due, place.delivered, Date.now());
    if (early > 0) {
      hand.giveBack(early);
      this.#look();
      return;
    }
    if (!this.#open || legs !== this.#legs || this.#running.size >= this.#options.slots) {
      hand.giveBack();
      return;
    }
    this.#start(hand);
  }

  #start(hand: Hand): void {
    this.#hands.add(hand);
    const run = this.#run(hand)
      .catch((thrown: unknown) => this.#parts.link.fault(thrown))
      .finally(() => {
        this.#hands.delete(hand);
        this.#running.delete(run);
        this.#look();
      });
    this.#running.add(run);
  }

  async #run(hand: Hand): Promise<void> {
    const { arrived, place } = hand;
    const message = decodeStored(arrived.raw, place.stream, place.seq, place.storedMs);
    if (!message.ok) {
      await this.#endings.bury(hand, message.error);
      return;
    }
    const { signal } = this.#stopping;
    const verdict = await this.#judge({ message: message.value, retries: arrived.retries, signal });
    await this.#endings.obey(hand, verdict);
    if (verdict.kind !== 'ack' || verdict.work === undefined) return;
    try {
      await verdict.work(signal);
    } catch (thrown) {
      // What `work` throws is its own, and no fault of the server's.
      this.#parts.link.report(toError(thrown));
    }
  }

  /** A handler that throws, or ends with nothing, has failed: dead-lettered, never requeued for ever. */
  async #judge(delivery: Delivery): Promise<Verdict> {
    try {
      const verdict: Verdict | undefined = await this.#handler(delivery);
      if (verdict === undefined) throw new Error('the handler ended without a verdict');
      return verdict;
    } catch (thrown) {
      const error = toError(thrown);
      return { kind: 'drop', code: 'handler_failed', reason: error.stack ?? error.message };
    }
  }
}
