// The demo's pushes, in the order that their parents ask for.
import { join } from 'node:path';
import { root } from '../project.mjs';
import { openRepository, pushExample } from './repositories.mjs';

/** Longest time a build of the demo may take, in milliseconds. */
const BUILD_MS = 180_000;

/** @typedef {{ component: string, commit: string, event: import('./events.mjs').Event, failureMeant: boolean }} End */

/**
 * Pushes the five examples and waits for the end of each build: the base, the web server on it, then the three that
 * stand on those at once.
 * @param {{ dir: string, place: { config: string, busybox: string | null }, events: import('./events.mjs').Events }} options
 * @returns {Promise<End[]>}
 */
export async function runPlan({ dir, place, events }) {
  const build = async (/** @type {string} */ component, failureMeant = false) => {
    const repository = await openRepository({ dir, component, config: place.config });
    const commit = await pushExample(repository, { ...exampleOf(component, place.busybox), now: new Date() });
    return { component, commit, event: await events.endOf(component, commit, BUILD_MS), failureMeant };
  };
  const base = await build('base');
  const httpd = await build('httpd');
  return [base, httpd, ...(await Promise.all([build('app'), build('multistage'), build('broken', true)]))];
}

/**
 * @param {string} component
 * @param {string | null} busybox
 */
function exampleOf(component, busybox) {
  const example = join(root, 'examples/images', component);
  if (component !== 'base') return { example };
  return busybox === null ? { example: `${example}-pulled` } : { example, files: { busybox } };
}
