// The rebuilds of one change on a terminal: a line for each image with what becomes of it, drawn in place.
import { palette, seconds } from '../say.mjs';

const EVERY_MS = 100;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** @typedef {import('./events.mjs').Event} Event */

/**
 * @typedef {object} Member
 * @property {string} component
 * @property {readonly string[]} parents those of its parents that are on the board
 * @property {string} state `waits`, or the last event's
 * @property {number} since when it began, in milliseconds of the clock
 * @property {Event | null} event
 */

export class Board {
  /** @type {Map<string, Member>} component → how it stands; parents come before what stands on them */
  #members = new Map();
  #colours = palette();
  #frame = 0;
  #drawn = 0;
  #note = '';
  #timer;

  /** @param {readonly { component: string, parents: readonly string[] }[]} members parents first */
  constructor(members) {
    for (const member of members)
      this.#members.set(member.component, { ...member, state: 'waits', since: 0, event: null });
    this.#timer = setInterval(() => this.#draw(), EVERY_MS).unref();
  }

  /**
   * What the line below the members says.
   * @param {string} note
   */
  say(note) {
    this.#note = note;
  }

  /** @param {Event} event of a build that the change led to */
  show(event) {
    const member = this.#members.get(event.component ?? '');
    if (member === undefined) return;
    if (event.state === 'started') member.since = Date.now();
    Object.assign(member, { state: event.state, event });
    this.#draw();
  }

  /** Draws it for the last time, and leaves it there. */
  end() {
    clearInterval(this.#timer);
    this.#note = '';
    this.#draw();
  }

  #draw() {
    this.#frame = (this.#frame + 1) % SPINNER.length;
    const lines = [...this.#members.values()].map((member) => this.#line(member));
    if (this.#note !== '') lines.push(this.#colours.dim(`  ${this.#note}`));
    const up = this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A`;
    // Each line is cut to the terminal: one that is broken over two would be drawn over the wrong place.
    process.stdout.write(`${up}\u001b[J\u001b[?7l${lines.join('\n')}\n\u001b[?7h`);
    this.#drawn = lines.length;
  }

  /** @param {Member} member */
  #line({ component, parents, state, since, event }) {
    const { bold, dim, green, red, yellow, blue } = this.#colours;
    const name = bold(component.padEnd(11));
    const took = event?.duration_ms == null ? '' : seconds(event.duration_ms).padStart(6);
    switch (state) {
      case 'waits': {
        const open = parents.filter((parent) => this.#members.get(parent)?.state !== 'completed');
        return `  ${dim('·')} ${name} ${dim(`waits${open.length === 0 ? '' : ` for ${open.join(' and ')}`}`)}`;
      }
      case 'requested':
        return `  ${blue('○')} ${name} ${dim('asked for')}`;
      case 'started':
        return `  ${blue(SPINNER[this.#frame] ?? '')} ${name} ${blue('building')} ${seconds(Date.now() - since)}`;
      case 'completed':
        return `  ${green('✓')} ${name} ${took}  ${event?.nvr ?? ''}`;
      case 'failed':
        return `  ${red('✗')} ${name} ${took}  ${event?.text ?? ''}`;
      default:
        return `  ${yellow('-')} ${name} ${took}  ${state}: ${event?.text ?? ''}`;
    }
  }
}
