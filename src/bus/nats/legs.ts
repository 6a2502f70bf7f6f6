import type { Msg } from 'nats';
import type { Link } from './connect.js';
import type { Place } from './place.js';
import { PULL_EXPIRES_MS, type PullEnd, Pulls } from './pulls.js';
import type { LegPlan } from './streams.js';

/** One durable consumer of a group, as one process asks it. */
interface Leg {
  readonly plan: LegPlan;
  /** Requests that wait for messages to come. */
  readonly standing: Pulls;
  /** Requests for what is there now. */
  readonly probe: Pulls;
  /** Nothing was there when asked last. */
  dry: boolean;
}

export interface LegEvents {
  onMessage(plan: LegPlan, msg: Msg, place: Place): void;
  /** A request ended: there may be something to ask anew. */
  onEnd(end: PullEnd): void;
}

/**
 * The consumers of a group, asked one after the other: the next one only when the one before had nothing, so that one
 * free slot is not given several messages. Those that had nothing are asked to say when something comes.
 */
export class Legs {
  readonly #legs: readonly Leg[];
  #deaf = false;

  constructor(link: Link, plans: readonly LegPlan[], events: LegEvents) {
    this.#legs = plans.map((plan) => {
      const consumer = { stream: plan.stream, name: plan.durable };
      const onMessage = (msg: Msg, place: Place): void => {
        leg.dry = false;
        events.onMessage(plan, msg, place);
      };
      const onEnd = (end: PullEnd, probed: boolean): void => {
        if (probed && end === 'over') leg.dry = true;
        if (!this.#deaf) events.onEnd(end);
      };
      const leg: Leg = {
        plan,
        standing: new Pulls(link, consumer, onMessage, (end) => onEnd(end, false)),
        probe: new Pulls(link, consumer, onMessage, (end) => onEnd(end, true)),
        dry: false,
      };
      return leg;
    });
  }

  /** Asks for as many messages as there are free slots. */
  ask(free: number): void {
    for (const leg of this.#legs) {
      if (leg.probe.outstanding > 0) return;
      const lacking = free - leg.standing.outstanding;
      if (leg.dry || leg === this.#legs.at(-1)) {
        if (lacking > 0) leg.standing.ask({ batch: lacking, expires: PULL_EXPIRES_MS });
      } else if (lacking > 0) {
        for (let count = 0; count < lacking; count += 1) leg.probe.ask({ batch: 1, expires: null });
        return;
      }
    }
  }

  /** Whether the server owes an answer for longer than it may. */
  isSilent(graceMs: number): boolean {
    const since = performance.now() - PULL_EXPIRES_MS - graceMs;
    return this.#legs.some(({ standing, probe }) =>
      [standing, probe].some((pulls) => pulls.outstanding > 0 && pulls.heardAt < since),
    );
  }

  /** Takes back all requests. What is under way still comes, to `onMessage`. */
  async close(): Promise<void> {
    this.#deaf = true;
    await Promise.all(this.#legs.flatMap(({ standing, probe }) => [standing.close(), probe.close()]));
  }
}
