/** What the live topic gets: `first` is the number of the first line, from 0. */
export type PublishLines = (first: number, lines: readonly string[]) => void;

const INTERVAL_MS = 100;
/** A message's share, well under its limit whatever its lines need in JSON. */
const BATCH_CHARACTERS = 128 * 1024;
const BATCH_LINES = 5_000;
/** Characters that wait for their turn; a flood that is over this loses its oldest lines here, not in the log. */
const WAITING_CHARACTERS = 1024 * 1024;

/** Gives lines to the live topic in batches, at most ten a second: the first line at once, the others by the clock. */
export class LiveLines {
  readonly #publish: PublishLines;
  #waiting: string[] = [];
  #characters = 0;
  /** Number of the first waiting line. */
  #first = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(publish: PublishLines) {
    this.#publish = publish;
  }

  push(line: string): void {
    this.#waiting.push(line);
    this.#characters += line.length + 1;
    if (this.#characters > 2 * WAITING_CHARACTERS) this.#dropTo(WAITING_CHARACTERS);
    if (this.#timer !== null) return;
    this.#batch();
    this.#timer = setTimeout(() => this.#tick(), INTERVAL_MS);
  }

  /** Publishes all that waits; nothing may come after. */
  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#dropTo(WAITING_CHARACTERS);
    while (this.#waiting.length > 0) this.#batch();
  }

  #tick(): void {
    this.#timer = null;
    if (this.#waiting.length === 0) return;
    this.#batch();
    this.#timer = setTimeout(() => this.#tick(), INTERVAL_MS);
  }

  #batch(): void {
    let count = 0;
    let characters = 0;
    for (const line of this.#waiting) {
      if (count > 0 && (characters + line.length > BATCH_CHARACTERS || count === BATCH_LINES)) break;
      count += 1;
      characters += line.length + 1;
    }
    const first = this.#first;
    this.#publish(first, this.#take(count, characters));
  }

  #dropTo(limit: number): void {
    let count = 0;
    let characters = 0;
    for (const line of this.#waiting) {
      if (this.#characters - characters <= limit) break;
      count += 1;
      characters += line.length + 1;
    }
    this.#take(count, characters);
  }

  #take(count: number, characters: number): readonly string[] {
    const taken = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#first += count;
    this.#characters -= characters;
    return taken;
  }
}
