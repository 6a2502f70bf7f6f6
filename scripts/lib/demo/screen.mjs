// The demo on a terminal: a line for each event, below them what runs now; elsewhere the lines alone.
import { palette, say, seconds } from '../say.mjs';

const EVERY_MS = 100;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** @typedef {import('./events.mjs').Event} Event */

export class Screen {
  /** True while something else draws. */
  silent = false;
  #colours = palette();
  #live = process.stdout.isTTY === true;
  /** @type {Map<string, { component: string, since: number }>} build → what runs */
  #running = new Map();
  #frame = 0;
  /** @type {NodeJS.Timeout | null} */
  #timer = null;

  /** @param {Event} event */
  show(event) {
    if (this.silent) return;
    const { build, component, state } = event;
    if (build !== null && state === 'started')
      this.#running.set(build, { component: component ?? '', since: Date.now() });
    if (build !== null && ['completed', 'failed', 'canceled'].includes(state)) this.#running.delete(build);
    this.print(this.#line(event));
    this.#timer ??= this.#live ? setInterval(() => this.#draw(), EVERY_MS).unref() : null;
  }

  /** @param {string} line */
  print(line) {
    if (this.#live) process.stdout.write('\r\u001b[K');
    say(line);
    if (this.#live) this.#draw();
  }

  /** Takes the line of what runs away, before something else is printed. */
  rest() {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#live) process.stdout.write('\r\u001b[K');
  }

  #draw() {
    if (this.#running.size === 0) return;
    this.#frame = (this.#frame + 1) % SPINNER.length;
    const parts = [...this.#running.values()].map(
      ({ component, since }) => `${component} ${seconds(Date.now() - since)}`,
    );
    process.stdout.write(`\r\u001b[K${this.#colours.blue(SPINNER[this.#frame] ?? '')} building ${parts.join(', ')}`);
  }

  /** @param {Event} event */
  #line({ time, component, wave, state, duration_ms: ms, nvr, text }) {
    const { dim, green, red, yellow, blue } = this.#colours;
    const paint = { completed: green, failed: red, canceled: yellow, skipped: yellow, started: blue }[state] ?? dim;
    const short = text.replace(/^sha256:([0-9a-f]{12})[0-9a-f]+$/, 'sha256:$1…');
    return [
      dim(new Date(time).toTimeString().slice(0, 8)),
      (component ?? (wave === null ? '' : 'wave')).padEnd(11),
      paint(state.padEnd(9)),
      (ms === null ? '' : seconds(ms)).padStart(6),
      ` ${[nvr, short].filter(Boolean).join('  ')}`,
    ].join(' ');
  }
}

/**
 * A table of columns as wide as their widest cell.
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
export function table(head, rows) {
  const { dim } = palette();
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (/** @type {readonly string[]} */ cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [dim(line(head)), ...rows.map(line)].join('\n');
}
