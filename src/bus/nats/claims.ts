import { randomUUID } from 'node:crypto';
import { headers } from 'nats';
import type { Claim } from '../contract.js';
import type { Link } from './connect.js';
import { API, apiCode } from './faults.js';
import type { Names } from './names.js';

/** When the server frees a claim that nobody renews; milliseconds. */
export const CLAIM_TTL_MS = 8_000;
/** How often claims are renewed; milliseconds. */
const RENEW_MS = 2_000;
/** When a claim that could not be renewed counts as lost here: before the server frees it. Milliseconds. */
const LAPSE_MS = 6_000;
/** How long one question about a claim may take; milliseconds. */
const ANSWER_MS = 2_000;

/** What a claim's entry holds. */
interface Entry {
  readonly by: string;
  /** Names this one taking of the key. */
  readonly token: string;
}

interface Held {
  readonly subject: string;
  readonly value: Entry;
  readonly lost: AbortController;
  /** Sequence of our last entry: who renews must name it. */
  revision: number;
  /** Before the last renewal that succeeded was sent; monotonic milliseconds. */
  renewedAt: number;
  /** Renewals of one claim go one after the other. */
  renewing: Promise<boolean> | null;
}

interface Found {
  readonly revision: number;
  /** Null: the key was given up. */
  readonly entry: Entry | null;
}

/**
 * Claims are entries of a key-value bucket, made and renewed by revision only, and asked for at the leader: the broker
 * compares and sets. An entry that is not renewed lapses.
 */
export class Claims {
  readonly #link: Link;
  readonly #names: Names;
  readonly #held = new Set<Held>();
  /** Lost while the connection was away: nobody's, and not free yet. */
  readonly #orphans: Held[] = [];
  readonly #deaf: () => void;
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  constructor(link: Link, names: Names) {
    this.#link = link;
    this.#names = names;
    // A connection that was away may have missed anything: its claims are over, and never taken again silently.
    const deafToBreaks = link.onBreak(() => {
      for (const held of [...this.#held]) void this.#lose(held);
    });
    const deafToReturns = link.onReturn(() => {
      for (const held of this.#orphans.splice(0)) void this.#free(held);
    });
    this.#deaf = () => {
      deafToBreaks();
      deafToReturns();
    };
    this.#timer = setInterval(() => this.#beat(), RENEW_MS);
    this.#timer.unref();
  }

  async claim(key: string, by: string): Promise<Claim | null> {
    await this.#link.whenUp(ANSWER_MS);
    const breaks = this.#link.breaks;
    const subject = this.#names.claimSubject(key);
    const value: Entry = { by, token: randomUUID() };
    const found = await this.#find(subject);
    if (found?.entry) return null;
    const sentAt = performance.now();
    const revision = await this.#take(subject, value, found?.revision ?? 0);
    if (revision === null) return null;
    const held: Held = { subject, value, lost: new AbortController(), revision, renewedAt: sentAt, renewing: null };
    if (this.#closed || breaks !== this.#link.breaks) {
      await this.#free(held);
      return null;
    }
    this.#held.add(held);
    return {
      key,
      lost: held.lost.signal,
      verify: () => this.#verify(held),
      release: () => this.#release(held),
    };
  }

  async holder(key: string): Promise<string | null> {
    await this.#link.whenUp(ANSWER_MS);
    return (await this.#find(this.#names.claimSubject(key)))?.entry?.by ?? null;
  }

  /** Frees everything. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#deaf();
    await Promise.all([...this.#held].map((held) => this.#release(held)));
  }

  #beat(): void {
    for (const held of [...this.#held]) void this.#renew(held).catch((thrown: unknown) => this.#link.fault(thrown));
  }

  async #verify(held: Held): Promise<boolean> {
    if (!this.#held.has(held)) return false;
    // One that is under way was sent before the question: its answer would be of then.
    await held.renewing?.catch(() => undefined);
    return this.#held.has(held) && (await this.#renew(held)) && this.#held.has(held);
  }

  #renew(held: Held): Promise<boolean> {
    held.renewing ??= this.#renewOnce(held).finally(() => {
      held.renewing = null;
    });
    return held.renewing;
  }

  /** False when the claim is lost. Throws when the server did not answer, which decides nothing yet. */
  async #renewOnce(held: Held): Promise<boolean> {
    // Told before asking: a process that stood still must not learn of it from an answer that comes too late.
    if (this.#hasLapsed(held)) {
      await this.#lose(held);
      return false;
    }
    const sentAt = performance.now();
    try {
      const revision = (await this.#put(held.subject, held.value, held.revision)) ?? (await this.#ownRevision(held));
      if (revision === null) {
        await this.#lose(held);
        return false;
      }
      held.revision = revision;
      held.renewedAt = sentAt;
      return true;
    } catch (thrown) {
      if (this.#hasLapsed(held)) await this.#lose(held);
      throw this.#link.errorOf(thrown);
    }
  }

  /** A renewal whose answer was lost is stored all the same: the entry is ours, at a revision that we don't know. */
  async #ownRevision(held: Held): Promise<number | null> {
    const found = await this.#find(held.subject);
    return found?.entry?.token === held.value.token ? found.revision : null;
  }

  #hasLapsed({ renewedAt }: Held): boolean {
    return performance.now() - renewedAt > LAPSE_MS;
  }

  async #lose(held: Held): Promise<void> {
    if (!this.#held.delete(held)) return;
    held.lost.abort();
    await this.#freeWhenUp(held);
  }

  async #release(held: Held): Promise<void> {
    if (!this.#held.delete(held)) return;
    await held.renewing?.catch(() => undefined);
    await this.#freeWhenUp(held);
  }

  /** While the connection is away, the entry may lapse first. */
  async #freeWhenUp(held: Held): Promise<void> {
    if (this.#link.up) await this.#free(held);
    else this.#orphans.push(held);
  }

  /** Where the server does not take it, the entry lapses: nobody renews it any more. */
  async #free({ subject, revision }: Held): Promise<void> {
    const mark = headers();
    mark.set('KV-Operation', 'DEL');
    try {
      await this.#link.js.publish(subject, new Uint8Array(), {
        headers: mark,
        timeout: ANSWER_MS,
        expect: { lastSubjectSequence: revision },
      });
    } catch (thrown) {
      if (apiCode(thrown) !== API.wrongLastSequence && !this.#closed) this.#link.fault(thrown);
    }
  }

  /** As `#put`. A claim whose answer was lost may be had all the same: then nobody else can have it for a while. */
  async #take(subject: string, value: Entry, revision: number): Promise<number | null> {
    try {
      return await this.#put(subject, value, revision);
    } catch (thrown) {
      const found = await this.#find(subject);
      if (found?.entry?.token === value.token) return found.revision;
      throw thrown;
    }
  }

  /** Gives the new revision; null when the key is not at `revision` any more. */
  async #put(subject: string, value: Entry, revision: number): Promise<number | null> {
    try {
      const { seq } = await this.#link.js.publish(subject, JSON.stringify(value), {
        timeout: ANSWER_MS,
        expect: { lastSubjectSequence: revision },
      });
      return seq;
    } catch (thrown) {
      if (apiCode(thrown) === API.wrongLastSequence) return null;
      throw this.#link.errorOf(thrown);
    }
  }

  /** The key's entry as the leader has it; null when there is none. */
  async #find(subject: string): Promise<Found | null> {
    try {
      const { seq, data, header } = await this.#link.jsm.streams.getMessage(this.#names.claims, {
        last_by_subj: subject,
      });
      return { revision: seq, entry: header?.has('KV-Operation') ? null : entryOf(data) };
    } catch (thrown) {
      if (apiCode(thrown) === API.messageNotFound) return null;
      throw this.#link.errorOf(thrown);
    }
  }
}

/** What a stranger put there is taken, by nobody we know. */
function entryOf(data: Uint8Array): Entry {
  const text = Buffer.from(data).toString('utf8');
  try {
    const { by, token: own } = JSON.parse(text) as Partial<Entry>;
    if (typeof by === 'string' && typeof own === 'string') return { by, token: own };
  } catch {
    // Not ours.
  }
  return { by: text.slice(0, 200), token: '' };
}
