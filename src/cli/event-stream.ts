import type { LogEntry } from '../bus/index.js';
import { parseOurs } from '../messages/index.js';
import { extractPush } from '../trigger/index.js';
import { type Event, eventOf, foreignEvent } from './render/event.js';

/** Builds whose begin is remembered; more than run at one time anywhere. */
const REMEMBERED = 10_000;

/** Turns entries of the logs into events, and remembers when builds were asked for: so an end says how long it took. */
export class EventStream {
  readonly #prefix: string;
  readonly #asked = new Map<string, Date>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The event of an entry; null for what people do not watch for. */
  next({ message, storedAt }: LogEntry): Event | null {
    const ours = parseOurs(this.#prefix, message);
    if (ours === null) return pushEvent(message, storedAt);
    if (!ours.ok)
      return { ...foreignEvent(message, storedAt), state: 'invalid', text: `${message.topic}: ${ours.error}` };
    const build = 'build' in ours.value.body ? ours.value.body.build : null;
    const id = typeof build === 'object' ? (build?.id ?? null) : build;
    const event = eventOf(ours.value, message, storedAt, id === null ? null : (this.#asked.get(id) ?? null));
    if (event?.build != null) this.#remember(event, storedAt);
    return event;
  }

  #remember({ state, build }: Event, storedAt: Date): void {
    if (build === null) return;
    if (state === 'requested' || (state === 'started' && !this.#asked.has(build))) {
      this.#asked.set(build, storedAt);
      const [oldest] = this.#asked.keys();
      if (this.#asked.size > REMEMBERED && oldest !== undefined) this.#asked.delete(oldest);
    } else if (state === 'completed' || state === 'failed') {
      this.#asked.delete(build);
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
