import type { LogEntry } from '../bus/index.js';
import { parseOurs } from '../messages/index.js';
import { extractPush } from '../trigger/index.js';
import { type Event, eventOf, foreignEvent } from './render/event.js';

/** Builds and waves whose begin is remembered; more than run at one time anywhere. */
const REMEMBERED = 10_000;

/** Turns entries of the logs into events, and remembers when what they tell of began: so an end says how long it took. */
export class EventStream {
  readonly #prefix: string;
  readonly #began = new Map<string, Date>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The event of an entry; null for what people do not watch for. */
  next({ message, storedAt }: LogEntry): Event | null {
    const ours = parseOurs(this.#prefix, message);
    if (ours === null) return pushEvent(message, storedAt);
    if (!ours.ok)
      return { ...foreignEvent(message, storedAt), state: 'invalid', text: `${message.topic}: ${ours.error}` };
    const event = eventOf(ours.value, message, storedAt, (id) => this.#began.get(id) ?? null);
    if (event !== null) this.#remember(event, storedAt);
    return event;
  }

  #remember({ state, build, wave }: Event, storedAt: Date): void {
    const id = build ?? wave;
    if (id === null) return;
    if (state === 'requested' || state === 'opened' || (state === 'started' && !this.#began.has(id))) {
      this.#began.set(id, storedAt);
      const [oldest] = this.#began.keys();
      if (this.#began.size > REMEMBERED && oldest !== undefined) this.#began.delete(oldest);
    } else if (state === 'completed' || state === 'failed' || state === 'closed') {
      this.#began.delete(id);
    }
  }
}

/** A push as an event: whose, of which ref and commit. */
function pushEvent(message: LogEntry['message'], storedAt: Date): Event {
  const push = extractPush(message);
  if (!push.ok) return foreignEvent(message, storedAt);
  const { repo, ref, commit, agent } = push.value;
  return {
    ...foreignEvent(message, storedAt),
    state: 'pushed',
    component: repo,
    target: ref.ok ? ref.value : null,
    text: [commit.ok ? commit.value.slice(0, 8) : commit.error.reason, ...(agent === null ? [] : [`by ${agent}`])].join(
      ' ',
    ),
  };
}
