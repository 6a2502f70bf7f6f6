/** When requests are taken from the bus, and of which lane (docs/rebuilds.md, "Whose turn it is"). */
import type { Bus, DeadReason, Delivery, Verdict } from '../bus/index.js';
import type { Message } from '../messages/index.js';
import { pause } from '../runtime/clock.js';
import type { Lane } from './decide/fair.js';
import type { EnginePool } from './engine-pool.js';
import { LaneHand } from './lane-hand.js';

/** Requests of a lane that are taken and looked at side by side, at most: a slow git host must not hold up all the others. */
const HANDS = 4;
/** Milliseconds for which a slot is kept for the lane whose turn it is, when its requests do not come: another process may have them. */
const HEAD_START_MS = 300;
/** Milliseconds that the bus has to say what waits. */
const ANSWER_MS = 2_000;

const GROUPS: Readonly<Record<Lane, string>> = { people: 'builder', cascade: 'builder.cascade' };
const LANES = ['people', 'cascade'] as const;
const NONE: Readonly<Record<Lane, boolean>> = { people: false, cascade: false };
/** Until the bus has said it. */
const UNKNOWN: Readonly<Record<Lane, boolean>> = { people: true, cascade: true };

export interface LanesWork {
  handle(delivery: Delivery, lane: Lane): Promise<Verdict>;
  onDead(message: Message, why: DeadReason): Promise<void>;
  onFault(thrown: unknown): void;
}

/**
 * Takes a request only while a slot is free for it. So none lies here while another process could build it, and each keeps
 * its place in the queue: the design's rule for busy consumers (section 3). Its price is that a free slot has to ask the bus
 * what waits before it goes to a rebuild, some milliseconds; requests in hand would have answered that, each at the
 * cost of the seconds for which it is kept from all others. Where both lanes are open and a message comes by each at the
 * same moment for one slot, the second waits in hand, for as long as the worker lets it.
 */
export class Lanes {
  readonly #bus: Bus;
  readonly #pool: EnginePool;
  readonly #hands: Readonly<Record<Lane, readonly LaneHand[]>>;
  #isReady = false;
  #looking: Promise<void> | null = null;
  #again = false;
  #headStart: NodeJS.Timeout | null = null;
  /** It was over before anybody came: the slot is for whoever comes first. */
  #isLate = false;

  constructor(bus: Bus, pool: EnginePool, { handle, onDead, onFault }: LanesWork) {
    this.#bus = bus;
    this.#pool = pool;
    const handsOf = (lane: Lane): readonly LaneHand[] =>
      Array.from(
        { length: Math.min(HANDS, pool.size) },
        () =>
          new LaneHand({ handle: (delivery) => handle(delivery, lane), onDead, onDone: () => this.#look(), onFault }),
      );
    this.#hands = { people: handsOf('people'), cascade: handsOf('cascade') };
    pool.onChange = () => this.#changed();
  }

  /** Joins the groups; requests are taken as soon as it is told that all is ready. */
  async open(): Promise<void> {
    this.#pool.tell(UNKNOWN);
    for (const lane of LANES) {
      await Promise.all(this.#hands[lane].map((hand) => hand.open(this.#bus, GROUPS[lane])));
      this.#turn();
    }
  }

  /** While it is not, no request is taken. */
  ready(isReady: boolean): void {
    this.#isReady = isReady;
    this.#look();
  }

  /** Takes no more; resolves when nothing more comes. */
  async shut(): Promise<void> {
    this.#isReady = false;
    this.#endHeadStart();
    await Promise.all(this.#all.map((hand) => hand.shut()));
  }

  /** Gives back what waits in hand, and resolves when nothing is there any more. */
  async stop(): Promise<void> {
    await Promise.all(this.#all.map((hand) => hand.stop()));
    await this.#looking;
    this.#endHeadStart();
  }

  get #all(): readonly LaneHand[] {
    return LANES.flatMap((lane) => this.#hands[lane]);
  }

  /** A slot was given, or has come free. */
  #changed(): void {
    this.#isLate = false;
    this.#endHeadStart();
    this.#forget();
    this.#look();
  }

  /** What was seen on the bus is old by the time the next slot comes free: nobody is overtaken for that. */
  #forget(): void {
    if (this.#pool.free === 0) this.#pool.tell(UNKNOWN);
  }

  #look(): void {
    this.#turn();
    if (this.#looking !== null) {
      this.#again = true;
      return;
    }
    this.#looking = this.#ask().finally(() => {
      this.#looking = null;
      if (!this.#again) return;
      this.#again = false;
      this.#look();
    });
  }

  /** Asks the bus what waits, and lets in whose turn it is by that. */
  async #ask(): Promise<void> {
    if (!this.#isReady || this.#isLate || this.#pool.free === 0) return;
    const waits = await this.#waits();
    if (!this.#isReady || this.#isLate) return;
    this.#pool.tell(waits);
    this.#forget();
    this.#turn();
    if (this.#pool.free > 0 && this.#pool.turn.kind === 'fetch') this.#beginHeadStart();
  }

  async #waits(): Promise<Readonly<Record<Lane, boolean>>> {
    const over = new AbortController();
    const asked = Promise.all([this.#bus.waiting(GROUPS.people), this.#bus.waiting(GROUPS.cascade)]).then(
      ([people, cascade]) => ({ people: people > 0, cascade: cascade > 0 }),
      () => UNKNOWN,
    );
    const answer = await Promise.race([asked, pause(ANSWER_MS, over.signal).then(() => UNKNOWN)]);
    over.abort();
    return answer;
  }

  /** As many hands are open as slots are free, of the lane whose turn it is, or of both. */
  #turn(): void {
    const { free, turn } = this.#pool;
    for (const lane of LANES) {
      const isIn = this.#isReady && (turn.kind !== 'fetch' || turn.lane === lane);
      let left = isIn ? free : 0;
      for (const hand of this.#hands[lane]) {
        const open = left > 0 && !hand.isBusy;
        if (open) left -= 1;
        hand.turn(open);
      }
    }
  }

  #beginHeadStart(): void {
    this.#headStart ??= setTimeout(() => {
      this.#isLate = true;
      this.#pool.tell(NONE);
      this.#turn();
    }, HEAD_START_MS);
  }

  #endHeadStart(): void {
    if (this.#headStart !== null) clearTimeout(this.#headStart);
    this.#headStart = null;
  }
}
