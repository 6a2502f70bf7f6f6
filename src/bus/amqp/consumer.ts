import type { ChannelModel, ConsumeMessage } from 'amqplib';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { anyTopic } from '../../kernel/topic-pattern.js';
import { decode } from '../../messages/index.js';
import { pause } from '../../runtime/clock.js';
import type { ConsumeOptions, Consumer, DeadReason, Delivery, Handler, Verdict } from '../contract.js';
import { backoff, DEFAULT_MAX_RETRIES } from '../retry-ladder.js';
import { closeChannel } from './close.js';
import { type Copies, isTooLarge } from './copies.js';
import { amqpFault } from './faults.js';
import { Lanes } from './lanes.js';
import type { Link } from './link.js';
import type { Names } from './names.js';
import { idOf, rawOf, retriesOf, waitLeft } from './wire.js';

/** Before the channel of a consumer that was closed is opened again, and before a verdict is stored again; milliseconds. */
const REOPEN_PAUSE_MS = 200;
const SETTLE_PAUSE_MS = 500;
/** A free slot that got nothing for so long has the broker asked whether work waits; milliseconds. */
const IDLE_MS = 20_000;
/** How often it is looked for that, and when the broker is asked once more; milliseconds. */
const WATCH_MS = 5_000;
/** How long the broker may take to say so; milliseconds. */
const ANSWER_MS = 5_000;
/** Before an uncounted retry without a time of its own; milliseconds. */
const UNCOUNTED_RETRY_MS = 1_000;

export interface ConsumerParts {
  readonly link: Link;
  readonly names: Names;
  readonly group: string;
  readonly patterns: readonly string[];
  readonly isLogged: (topic: string) => boolean;
  readonly copies: Copies;
  /** Makes what somebody removed. */
  readonly redeclare: (model: ChannelModel) => Promise<void>;
  readonly onFault: (error: Error) => void;
}

/** Takes messages of a group into its slots, on every connection that comes. */
export class AmqpConsumer implements Consumer {
  readonly #parts: ConsumerParts;
  readonly #handler: Handler;
  readonly #options: ConsumeOptions;
  readonly #wants: (topic: string) => boolean;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #deaf: () => void = () => undefined;
  #lanes: Lanes | null = null;
  #opening: Promise<void> = Promise.resolve();
  #paused = false;
  #heardAt = performance.now();
  #suspicions = 0;

  constructor(parts: ConsumerParts, handler: Handler, options: ConsumeOptions) {
    this.#parts = parts;
    this.#handler = handler;
    this.#options = options;
    const wants = anyTopic(parts.patterns);
    this.#wants = (topic) => parts.isLogged(topic) && wants(topic);
    this.#timer = setInterval(() => void this.#watch().catch((thrown: unknown) => this.#report(thrown)), WATCH_MS);
  }

  /** Takes up work now, and on each new connection. */
  start(): void {
    this.#deaf = this.#parts.link.onUp(async (model) => {
      if (this.#isOpen) await this.#openOn(model);
    });
  }

  get busy(): number {
    return this.#running.size;
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await this.#lanes?.closeAll();
  }

  async resume(): Promise<void> {
    this.#paused = false;
    const model = this.#parts.link.now;
    if (this.#lanes !== null && !this.#lanes.gone) this.#fill();
    else if (model !== null) this.#reopen(model);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#deaf();
    clearInterval(this.#timer);
    await this.#lanes?.closeAll();
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#opening;
    await this.#lanes?.close();
  }

  get #isOpen(): boolean {
    return !this.#paused && !this.#stopping.signal.aborted;
  }

  async #openOn(model: ChannelModel): Promise<void> {
    const { names, group } = this.#parts;
    const lanes = await Lanes.open(model, {
      queue: names.group(group),
      place: names.place,
      onMessage: (carried, from) => this.#take(carried, from),
      onGone: (fault, from) => this.#gone(fault, from),
    });
    this.#lanes = lanes;
    this.#heardAt = performance.now();
    this.#fill();
  }

  /** As many lanes as there are slots without a handler that still works for another lane. */
  #fill(): void {
    const lanes = this.#lanes;
    if (lanes === null || !this.#isOpen) return;
    const elsewhere = this.#running.size - lanes.busy;
    for (let free = this.#options.slots - elsewhere - lanes.size; free > 0 && !lanes.gone; free -= 1) lanes.add();
  }

  #gone(fault: ServiceError, lanes: Lanes): void {
    if (this.#lanes !== lanes) return;
    this.#lanes = null;
    // A break of the connection is the link's: it comes back, and we with it.
    if (this.#parts.link.now !== lanes.model || this.#stopping.signal.aborted) return;
    this.#report(fault);
    this.#reopen(lanes.model);
  }

  /** A channel that the broker closed: a delivery held too long, a queue that was removed. */
  #reopen(model: ChannelModel): void {
    this.#opening = this.#opening.then(async () => {
      while (this.#isOpen && this.#lanes === null) {
        await pause(REOPEN_PAUSE_MS, this.#stopping.signal);
        if (!this.#isOpen || this.#parts.link.now !== model || this.#lanes !== null) return;
        try {
          await this.#parts.redeclare(model);
          await this.#openOn(model);
        } catch (thrown) {
          this.#report(thrown);
        }
      }
    });
  }

  #take(carried: ConsumeMessage, lanes: Lanes): void {
    this.#heardAt = performance.now();
    this.#suspicions = 0;
    if (!this.#isOpen || lanes !== this.#lanes) {
      lanes.giveBack(carried);
      return;
    }
    // A wider binding of somebody's, or of an earlier configuration.
    if (!this.#wants(rawOf(carried).topic)) {
      lanes.ack(carried);
      return;
    }
    const run = this.#run(carried, lanes)
      .catch((thrown: unknown) => this.#report(thrown))
      .finally(() => {
        this.#running.delete(run);
        this.#fill();
      });
    this.#running.add(run);
  }

  async #run(carried: ConsumeMessage, lanes: Lanes): Promise<void> {
    const left = waitLeft(carried);
    if (left > 0) return this.#later(carried, lanes, left, retriesOf(carried));
    const message = decode(rawOf(carried), idOf(carried));
    if (!message.ok) return this.#bury(carried, lanes, message.error);
    const { signal } = this.#stopping;
    const verdict = await this.#judge({ message: message.value, retries: retriesOf(carried), signal });
    if (verdict.kind !== 'ack' || verdict.work === undefined) return this.#obey(carried, lanes, verdict);
    // AMQP answers no acknowledgement, so there is nothing to await but the end of the lane: the work need not.
    const acked = lanes.ackLast(carried);
    await verdict.work(signal).finally(() => acked);
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

  /** The one place where a handler's end becomes what the broker holds. */
  async #obey(carried: ConsumeMessage, lanes: Lanes, verdict: Verdict): Promise<void> {
    const retries = retriesOf(carried);
    switch (verdict.kind) {
      case 'ack':
        lanes.ack(carried);
        return;
      case 'drop':
        return this.#die(carried, lanes, { code: verdict.code, reason: verdict.reason });
      case 'retry': {
        if (verdict.uncounted) return this.#later(carried, lanes, verdict.after ?? UNCOUNTED_RETRY_MS, retries);
        const most = this.#options.maxRetries ?? DEFAULT_MAX_RETRIES;
        if (retries < most) return this.#later(carried, lanes, verdict.after ?? backoff(retries), retries + 1);
        const reason = `given up after ${most} ${most === 1 ? 'retry' : 'retries'}: ${verdict.reason}`;
        return this.#die(carried, lanes, { code: 'too_many_retries', reason });
      }
    }
  }

  async #later(carried: ConsumeMessage, lanes: Lanes, afterMs: number, retries: number): Promise<void> {
    try {
      await this.#settle(carried, lanes, () => this.#parts.copies.again(carried, retries, afterMs));
    } catch (thrown) {
      if (!isTooLarge(thrown)) throw thrown;
      // No copy can be made of what we could not send ourselves: it waits here, and comes back as it is.
      await pause(afterMs, this.#stopping.signal);
      lanes.giveBack(carried);
    }
  }

  async #die(carried: ConsumeMessage, lanes: Lanes, why: DeadReason): Promise<void> {
    const message = decode(rawOf(carried), idOf(carried));
    try {
      if (message.ok) await this.#options.onDead?.(message.value, why);
    } catch (thrown) {
      this.#report(thrown);
      return this.#later(carried, lanes, backoff(0), retriesOf(carried));
    }
    await this.#bury(carried, lanes, why);
  }

  #bury(carried: ConsumeMessage, lanes: Lanes, why: DeadReason): Promise<void> {
    return this.#settle(carried, lanes, () => this.#parts.copies.bury(carried, retriesOf(carried), why));
  }

  /**
   * Stores a verdict, then acknowledges. While the broker takes nothing, the slot stays taken and it is tried again; when
   * the channel has gone the message comes again, and another verdict with it.
   */
  async #settle(carried: ConsumeMessage, lanes: Lanes, store: () => Promise<void>): Promise<void> {
    // A process that stood still may not know yet that it has lost its connection, and another has the message.
    while (await lanes.holds(carried)) {
      try {
        await store();
        lanes.ack(carried);
        return;
      } catch (thrown) {
        const fault = amqpFault(thrown, this.#parts.names.place);
        if (isTooLarge(fault) || this.#stopping.signal.aborted) throw fault;
        this.#report(fault);
        await pause(SETTLE_PAUSE_MS, this.#stopping.signal);
      }
    }
  }

  /** Connected is not alive: where work waits twice in a row and none came, the connection is made anew. */
  async #watch(): Promise<void> {
    const { link, names, group, onFault } = this.#parts;
    const lanes = this.#lanes;
    if (!this.#isOpen || lanes === null || lanes.gone || lanes.size <= lanes.busy) return;
    if (performance.now() - this.#heardAt < IDLE_MS) return;
    const waiting = await readyIn(lanes.model, names.group(group));
    if (this.#lanes !== lanes || performance.now() - this.#heardAt < IDLE_MS) return;
    this.#suspicions = waiting === 0 ? 0 : this.#suspicions + 1;
    if (waiting === 0) this.#heardAt = performance.now();
    if (waiting !== null && this.#suspicions < 2) return;
    this.#suspicions = 0;
    const what = waiting === null ? 'the broker does not answer' : `messages wait in ${group} and none comes`;
    const fault = new ServiceError('bus_unavailable', `${names.place}: ${what}: reconnecting`, { transient: true });
    onFault(fault);
    link.renew(fault);
  }

  #report(thrown: unknown): void {
    this.#parts.onFault(toError(thrown));
  }
}

/** Messages that are ready in a queue; null when the broker does not say so in time. */
async function readyIn(model: ChannelModel, queue: string): Promise<number | null> {
  const given = new AbortController();
  const asked = (async (): Promise<number> => {
    const channel = await model.createChannel();
    channel.on('error', () => undefined);
    const { messageCount } = await channel.checkQueue(queue);
    await closeChannel(channel);
    return messageCount;
  })().catch(() => 0);
  const answer = await Promise.race([asked, pause(ANSWER_MS, given.signal).then(() => null)]);
  given.abort();
  return answer;
}
