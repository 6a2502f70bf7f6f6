// The demo's second half: the base image changes, and what stands on it is rebuilt.
import { EXIT } from '../project.mjs';
import { Fault, palette, say, seconds } from '../say.mjs';
import { Board } from './board.mjs';
import { layerwright } from './command.mjs';
import { openRepository, pushRelease } from './repositories.mjs';
import { table } from './screen.mjs';
import { TARGET } from './settings.mjs';

const BASE = 'base';
/** Longest time that the base's build, and then the wave, may take, in milliseconds. */
const BUILD_MS = 180_000;
const WAVE_MS = 180_000;

/** @typedef {import('./events.mjs').Event} Event */

/**
 * @typedef {object} Ripple
 * @property {Event} base the end of the base's build
 * @property {string} wave
 * @property {any[]} rows of `layerwright show --json`, of the rebuilds, in the order in which they ended
 * @property {number} tookMs from the push to the end of the wave
 * @property {boolean} good all was rebuilt once, after its parents, on the new images
 */

/**
 * Pushes a change of the base image, shows what becomes of it, and waits for the end of the wave.
 * @param {{ dir: string, config: string, events: import('./events.mjs').Events, screen: import('./screen.mjs').Screen, failing: readonly string[] }} options
 *   `failing`: components whose builds are meant to fail
 * @returns {Promise<Ripple>}
 */
export async function runRipple({ dir, config, events, screen, failing }) {
  const began = Date.now();
  const members = await standingOn(config);
  const board = process.stdout.isTTY === true ? new Board(members) : null;
  screen.silent = board !== null;
  try {
    const repository = await openRepository({ dir, component: BASE, config });
    board?.say('the change of the base is pushed');
    const commit = await pushRelease(repository);
    const follow = followOn(events, commit, began, board);
    const base = await events.endOf(BASE, commit, BUILD_MS);
    if (base.state !== 'completed') throw new Fault(`the changed base was not built: ${base.text}`, EXIT.failed);
    board?.say('quiet time: further changes would join the same wave');
    const opened = await events.next(
      `a wave after ${base.nvr}`,
      ({ state, time, text }) => state === 'opened' && time >= base.time && text.includes(`${TARGET}/${BASE}`),
      WAVE_MS,
    );
    board?.say('each is built when its own parents are done');
    const isItsEnd = (/** @type {Event} */ event) => event.state === 'closed' && event.wave === opened.wave;
    await events.next('the end of the wave', isItsEnd, WAVE_MS);
    events.off(follow);
    const tookMs = Date.now() - began;
    return { base, wave: opened.wave ?? '', tookMs, ...(await rebuiltBy(opened.wave ?? '', events, config, failing)) };
  } finally {
    board?.end();
    screen.silent = false;
  }
}

/**
 * Prints who was rebuilt on what.
 * @param {Ripple} ripple
 */
export function sayRipple({ base, rows, tookMs, good }) {
  const { bold, red } = palette();
  say(`\n${bold(`${base.nvr} changed what stands on it`)}; each was asked for once, after its own parents:\n`);
  const names = (/** @type {any} */ { parents }) =>
    parents.map((/** @type {any} */ { written, digest }) => `${lastPart(written)}@${digest.slice(7, 15)}`).join(' ');
  say(
    table(
      ['IMAGE', 'NVR', 'NOW', 'STANDS ON'],
      rows.map((row) => [row.component, row.nvr ?? '', row.state, names(row)]),
    ),
  );
  say(`\nfrom the push of the base to the last rebuild: ${seconds(tookMs)}`);
  if (!good) say(red('✗ not as it should be: not all was rebuilt on the new images'));
}

/**
 * What stands on the base by the service's own graph, the base included.
 * @param {string} config
 * @returns {Promise<readonly { component: string, parents: readonly string[] }[]>}
 */
async function standingOn(config) {
  const lines = (await layerwright(config, ['graph', BASE, '--json'])).split('\n').filter((line) => line !== '');
  /** @type {{ component: string, parents: readonly string[] }[]} */
  const left = lines
    .map((line) => JSON.parse(line))
    .map(({ component, parents }) => ({
      component,
      parents: [...new Set(parents.map((/** @type {any} */ parent) => parent.component))].filter(Boolean).map(String),
    }));
  const known = new Set(left.map(({ component }) => component));
  /** @type {typeof left} */
  const ordered = [];
  while (left.length > 0) {
    const placed = new Set(ordered.map(({ component }) => component));
    const ready = left.findIndex(({ parents }) => parents.every((one) => placed.has(one) || !known.has(one)));
    ordered.push(...left.splice(Math.max(0, ready), 1));
  }
  return ordered;
}

/**
 * Tells the board of the base's own build and of the rebuilds.
 * @param {import('./events.mjs').Events} events
 * @param {string} commit of the base
 * @param {number} began when it was pushed, in milliseconds of the clock
 * @param {Board | null} board
 */
function followOn(events, commit, began, board) {
  const builds = new Set();
  const listener = (/** @type {Event} */ event) => {
    if (Date.parse(event.time) < began) return;
    const isBase = event.component === BASE && event.state === 'requested' && event.text.includes(commit.slice(0, 8));
    if (isBase || event.wave !== null) builds.add(event.build);
    if (event.build !== null && builds.has(event.build)) board?.show(event);
  };
  events.onEvent(listener);
  return listener;
}

/**
 * @param {string} wave
 * @param {import('./events.mjs').Events} events
 * @param {string} config
 * @param {readonly string[]} failing
 */
async function rebuiltBy(wave, events, config, failing) {
  const ends = events.seen.filter((event) => event.wave === wave && ['completed', 'failed'].includes(event.state));
  const rows = await Promise.all(
    ends.map(async ({ build }) => JSON.parse(await layerwright(config, ['show', build ?? '', '--json']))),
  );
  const stale = await layerwright(config, ['graph', '--stale', '--json']);
  const once = new Set(rows.map(({ component }) => component)).size === rows.length;
  const ended = rows.every(({ component, state }) => (state === 'completed') !== failing.includes(component));
  return { rows, good: rows.length > 0 && once && ended && stale.trim() === '' };
}

/** @param {string} reference as a Dockerfile has it */
function lastPart(reference) {
  return reference.slice(reference.lastIndexOf('/') + 1);
}
