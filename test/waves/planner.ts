import type { Bus } from '../../src/bus/index.js';
import type { BuildRow } from '../../src/ledger/index.js';
import type { Message } from '../../src/messages/index.js';
import { silentLogger } from '../../src/observability/index.js';
import type { WorkerParts } from '../../src/planner/parts.js';
import { PLANNER_DEFAULTS, type PlannerSettings } from '../../src/planner/settings.js';
import { Waiters } from '../../src/planner/waiters.js';
import { Waves } from '../../src/planner/waves.js';
import { PREFIX, SAMPLE_PROCESS } from '../support/samples.js';
import type { Events } from './events.js';
import type { MemoryLedger } from './ledger.js';

/** Milliseconds from the end of a build to the planner's look, and from what it said to its next. */
const SOON_MS = 60;
const AGAIN_MS = 15;
/** Milliseconds until another planner has the claim of one that died. */
const CLAIM_MS = 10_000;

export interface PlannerPlace {
  readonly events: Events;
  /** All that is on the log now; a planner that takes over begins with it. */
  readonly ledger: () => MemoryLedger;
  readonly publish: (message: Message) => void;
  readonly wall: () => Date;
  readonly isOut: (component: string) => boolean;
  readonly settings: Partial<PlannerSettings>;
}

/** What a planner's death does to the message that it is just sending. */
export type LastWord = 'lost' | 'stored' | 'late';

class Died extends Error {}

/** The active planner of a world, and the next one when it dies: the service's own waves and waiters, looked at when they would look. */
export class SimulatedPlanner {
  readonly #place: PlannerPlace;
  #waves: Waves | null = null;
  #waiters: Waiters | null = null;
  #unfollow: () => void = () => undefined;
  /** When the next look is; what was asked for with another number is not looked at any more. */
  #due = Number.POSITIVE_INFINITY;
  #turn = 0;
  #life = 0;
  /** Messages that the planner may still send before it dies; null: it lives. */
  #left: { count: number; readonly last: LastWord } | null = null;
  looks = 0;

  constructor(place: PlannerPlace) {
    this.#place = place;
  }

  /** Takes the claim: all is read anew. */
  begin(): void {
    const { events, wall, isOut, settings } = this.#place;
    const ledger = this.#place.ledger();
    this.#life += 1;
    this.#left = null;
    const parts: WorkerParts = {
      bus: { publish: (message: Message) => this.#publish(message) } as unknown as Bus,
      ledger,
      prefix: PREFIX,
      process: SAMPLE_PROCESS,
      settings: { ...PLANNER_DEFAULTS, ...settings },
      isOut: ({ component }) => isOut(component),
      ...{ reconcile: null, scheduleMs: () => null, registries: [] },
      clock: { now: wall, monotonic: () => events.now },
      log: silentLogger,
    };
    this.#waves = new Waves(parts);
    this.#waiters = new Waiters(parts);
    this.#unfollow = ledger.onChange((rows) => this.#changed(rows));
    this.#lookIn(0);
  }

  /** It dies with the `count`th message that it sends from now on; another has its claim some time later. */
  dieAfter(count: number, last: LastWord): void {
    if (this.#waves !== null) this.#left = { count, last };
  }

  end(): void {
    this.#unfollow();
    this.#waves?.close();
    this.#waiters?.close();
    this.#waves = null;
    this.#waiters = null;
    this.#due = Number.POSITIVE_INFINITY;
    this.#turn += 1;
  }

  /** As in service: an end is looked at at once, all else with the next look. A look at what has not changed says what the last one said. */
  #changed(rows: readonly BuildRow[]): void {
    this.#lookIn(rows.some(({ ended }) => ended) ? SOON_MS : PLANNER_DEFAULTS.lookEveryMs);
  }

  #lookIn(ms: number): void {
    const { events } = this.#place;
    if (events.now + ms >= this.#due) return;
    this.#due = events.now + ms;
    this.#turn += 1;
    const turn = this.#turn;
    events.after(ms, () => (turn === this.#turn ? this.#look() : undefined));
  }

  async #look(): Promise<void> {
    this.#due = Number.POSITIVE_INFINITY;
    const { signal } = new AbortController();
    const [waiters, waves, life] = [this.#waiters, this.#waves, this.#life];
    if (waiters === null || waves === null) return;
    this.looks += 1;
    try {
      await waiters.look(signal);
      const waitMs = await waves.look(signal);
      if (waitMs !== null) this.#lookIn(Math.max(AGAIN_MS, waitMs));
    } catch (thrown) {
      if (!(thrown instanceof Died)) throw thrown;
      if (life !== this.#life) return;
      this.end();
      this.#place.events.after(CLAIM_MS, () => this.begin());
    }
  }

  async #publish(message: Message): Promise<void> {
    const { events, publish } = this.#place;
    const dying = this.#left;
    if (dying !== null) {
      dying.count -= 1;
      if (dying.count <= 0) {
        if (dying.last === 'stored') publish(message);
        // It was under way: the bus has it before the planner's claim is free.
        if (dying.last === 'late') events.after(CLAIM_MS / 2, () => publish(message));
        throw new Died('the planner died');
      }
    }
    publish(message);
  }
}
