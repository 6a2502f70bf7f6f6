import { toError } from '../../kernel/service-error.js';
import { anyTopic } from '../../kernel/topic-pattern.js';
import type { Message } from '../../messages/index.js';
import type { Listener } from '../contract.js';
import { type Engine, read } from './engine.js';
import { lastSeq, messageOf, messagesAfter } from './messages.js';

/** What one look at passing messages holds at most. */
const BATCH = { rows: 200, bytes: 1_048_576 } as const;

interface Ear {
  readonly since: number;
  readonly wants: (topic: string) => boolean;
  readonly onMessage: (message: Message) => void;
}

/** All listeners of a process: passing messages are read once for all of them, and not at all while there is none. */
export class Listeners {
  readonly #engine: Engine;
  readonly #ears = new Set<Ear>();
  readonly #deaf: () => void;
  #after = 0;
  #reading: Promise<void> | null = null;
  #again = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#deaf = engine.bell.onRing(() => this.#look());
  }

  async add(patterns: readonly string[], onMessage: (message: Message) => void): Promise<Listener> {
    const since = await read(this.#engine, (db) => lastSeq(db, null));
    const ear: Ear = { since, wants: anyTopic(patterns), onMessage };
    if (this.#ears.size === 0) this.#after = since;
    this.#ears.add(ear);
    return {
      stop: async () => {
        this.#ears.delete(ear);
      },
    };
  }

  async close(): Promise<void> {
    this.#ears.clear();
    this.#deaf();
    await this.#reading;
  }

  #look(): void {
    if (this.#ears.size === 0) return;
    this.#again = true;
    this.#reading ??= this.#read()
      .catch((thrown: unknown) => this.#engine.onFault(toError(thrown)))
      .finally(() => {
        this.#reading = null;
      });
  }

  async #read(): Promise<void> {
    while (this.#again && this.#ears.size > 0) {
      this.#again = false;
      const rows = await read(this.#engine, (db) =>
        messagesAfter(db, null, this.#after, Number.MAX_SAFE_INTEGER, BATCH),
      );
      for (const row of rows) {
        this.#after = Math.max(this.#after, row.seq);
        const message = messageOf(row);
        if (message.ok) this.#pass(row.seq, message.value);
      }
      if (rows.length > 0) {
        this.#again = true;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  #pass(seq: number, message: Message): void {
    for (const ear of this.#ears) {
      if (seq <= ear.since || !ear.wants(message.topic)) continue;
      try {
        ear.onMessage(message);
      } catch (thrown) {
        this.#engine.onFault(toError(thrown));
      }
    }
  }
}
