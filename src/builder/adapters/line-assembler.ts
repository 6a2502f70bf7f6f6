/** Characters that may wait for a line end; more become a line of their own. */
const MAX_PENDING = 131_072;

/** Makes lines of pieces of text. A carriage return that begins a line anew (progress bars) drops what it hides. */
export class LineAssembler {
  readonly #onLine: (line: string) => void;
  #pending = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(text: string): void {
    const lines = (this.#pending + text).split('\n');
    this.#pending = lines.pop() ?? '';
    for (const line of lines) this.#onLine(shown(line));
    if (this.#pending.length > MAX_PENDING) this.#spill();
  }

  /** The last line has no line end. */
  end(): void {
    if (this.#pending !== '') this.#onLine(shown(this.#pending));
    this.#pending = '';
  }

  #spill(): void {
    const left = shown(this.#pending);
    if (left.length <= MAX_PENDING) {
      this.#pending = left;
      return;
    }
    this.#onLine(left);
    this.#pending = '';
  }
}

/** What a terminal would show of a line after its carriage returns. */
function shown(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  return text.slice(text.lastIndexOf('\r') + 1);
}
