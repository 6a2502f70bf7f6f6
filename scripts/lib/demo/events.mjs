// What the service tells while it works, read from `layerwright watch --json`.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { atEnd } from '../processes.mjs';
import { EXIT, root } from '../project.mjs';
import { Fault } from '../say.mjs';

/** @typedef {{ time: string, state: string, build: string | null, component: string | null, nvr: string | null, wave: string | null, duration_ms: number | null, text: string, id: string, topic: string }} Event */

/** States in which a build is over. */
const ENDS = new Set(['completed', 'failed', 'canceled', 'skipped']);

/** Follows events; remembers them, so that one that was there before it was waited for is found. */
export class Events {
  /** @type {Event[]} */
  seen = [];
  /** @type {Set<(event: Event) => void>} */
  #listeners = new Set();
  /** @type {Set<(fault: Fault) => void>} */
  #waiting = new Set();
  #words = '';

  /** @param {{ config: string, since: Date }} options */
  constructor({ config, since }) {
    const child = spawn(
      process.execPath,
      [`${root}/bin/layerwright.js`, 'watch', '--json', '--since', since.toISOString()],
      { env: { ...process.env, LAYERWRIGHT_CONFIG: config }, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    let ending = false;
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#words = `${this.#words}${text}`.slice(-2_000);
    });
    /** @type {Promise<void>} */
    const ended = new Promise((resolve) => {
      child.on('error', () => resolve());
      child.on('close', () => resolve());
    });
    void ended.then(() => {
      if (!ending) this.fail(new Fault(`layerwright watch ended: ${this.#words.trim()}`, EXIT.failed));
    });
    atEnd(async () => {
      ending = true;
      child.kill('SIGTERM');
      await ended;
    });
  }

  /** @param {(event: Event) => void} listener */
  onEvent(listener) {
    for (const event of this.seen) listener(event);
    this.#listeners.add(listener);
  }

  /**
   * Ends all waits with an error: what they wait for can't come any more.
   * @param {Fault} fault
   */
  fail(fault) {
    for (const reject of this.#waiting) reject(fault);
  }

  /** @param {(event: Event) => void} listener */
  off(listener) {
    this.#listeners.delete(listener);
  }

  /**
   * The end of the build of a commit.
   * @param {string} component
   * @param {string} commit
   * @param {number} limitMs
   * @returns {Promise<Event>}
   */
  endOf(component, commit, limitMs) {
    /** @type {string | null} */
    let build = null;
    return this.next(
      `the end of ${component} at ${commit.slice(0, 8)}`,
      (event) => {
        if (event.component !== component || event.build === null) return false;
        if (event.state === 'requested' && event.text.includes(commit.slice(0, 8))) build = event.build;
        return event.build === build && ENDS.has(event.state);
      },
      limitMs,
    );
  }

  /**
   * The first event that fits, of those seen and those to come.
   * @param {string} what for the person who waited in vain
   * @param {(event: Event) => boolean} fits
   * @param {number} limitMs
   * @returns {Promise<Event>}
   */
  next(what, fits, limitMs) {
    return new Promise((resolve, reject) => {
      const done = (/** @type {() => void} */ settle) => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        this.#waiting.delete(refuse);
        settle();
      };
      const refuse = (/** @type {Fault} */ fault) => done(() => reject(fault));
      const timer = setTimeout(
        () => refuse(new Fault(`${what} has not come within ${limitMs / 1000} s`, EXIT.failed)),
        limitMs,
      );
      const listener = (/** @type {Event} */ event) => {
        if (fits(event)) done(() => resolve(event));
      };
      this.#waiting.add(refuse);
      this.onEvent(listener);
    });
  }

  /** @param {string} line */
  #take(line) {
    /** @type {Event} */
    const event = JSON.parse(line);
    this.seen.push(event);
    for (const listener of [...this.#listeners]) listener(event);
  }
}
