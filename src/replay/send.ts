import type { Bus } from '../bus/index.js';
import { messageId } from '../kernel/ids.js';
import { ServiceError } from '../kernel/service-error.js';
import { CATALOG, compose, HEADER, type Message } from '../messages/index.js';
import { type Clock, pause } from '../runtime/clock.js';
import type { Entry } from './decide/entry.js';
import type { Plan } from './decide/plan.js';
import type { Spool, Spooled } from './spool.js';

export interface SendParts {
  readonly bus: Pick<Bus, 'publish'>;
  readonly prefix: string;
  readonly run: string;
  readonly clock: Clock;
  /** Messages a second. */
  readonly rate: number;
  /** Ends it after the message in hand. */
  readonly signal: AbortSignal;
  /** Called for each entry of which something is to be sent; `fault` when it could not be. */
  readonly onSent: (index: number, entry: Entry, fault: ServiceError | null) => void;
}

export interface SendOutcome {
  readonly sent: number;
  readonly failed: number;
  /** The last entry that is done with; null when there is none. */
  readonly last: Entry | null;
  readonly interrupted: boolean;
  /** The bus is away: what was not sent is not lost, as its entry comes after `last`. */
  readonly fault: ServiceError | null;
}

/** Faults of a message alone: the next one may be well. */
const OF_THE_MESSAGE: ReadonlySet<string> = new Set(['message_invalid', 'message_too_large']);

/** Sends what the plan wants sent, in its order, no quicker than `rate`. */
export async function sendPlan(plan: Plan, spool: Pick<Spool, 'records'>, parts: SendParts): Promise<SendOutcome> {
  const { clock, rate, signal, onSent } = parts;
  const begun = clock.monotonic();
  const done = { sent: 0, failed: 0, last: null as Entry | null };
  for await (const record of spool.records()) {
    const entry = plan.entries[record.index];
    if (entry === undefined || entry.action === 'none') continue;
    await pause(begun + ((done.sent + done.failed) * 1_000) / rate - clock.monotonic(), signal);
    if (signal.aborted) return { ...done, interrupted: true, fault: null };
    try {
      for (const { message, again } of messagesOf(record, parts)) await parts.bus.publish(message, again);
      done.sent += 1;
      onSent(record.index, entry, null);
    } catch (thrown) {
      if (!(thrown instanceof ServiceError)) throw thrown;
      if (!OF_THE_MESSAGE.has(thrown.code)) return { ...done, interrupted: false, fault: thrown };
      done.failed += 1;
      onSent(record.index, entry, thrown);
    }
    done.last = entry;
  }
  return { ...done, interrupted: false, fault: null };
}

interface Outgoing {
  readonly message: Message;
  readonly again: { readonly again?: string };
}

/** A copy is delivered once more under its own id; a request of a new build has an id that was never sent. */
function messagesOf({ message, asks }: Spooled, { prefix, run, clock }: SendParts): readonly Outgoing[] {
  if (asks.length === 0) return [{ message: marked(message, run), again: { again: `replay ${run}` } }];
  return asks.map((build) => {
    const request = compose({
      prefix,
      name: 'build.requested.v1',
      id: messageId(build.id, CATALOG['build.requested.v1'].topic, build.attempt),
      body: { build },
      now: clock.now(),
      containers: [build.component],
    });
    return { message: marked(request, run), again: {} };
  });
}

function marked(message: Message, run: string): Message {
  return { ...message, headers: { ...message.headers, [HEADER.replay]: run } };
}
