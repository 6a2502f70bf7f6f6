// What came of the demo: on the terminal, and as a file for machines.
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from '../project.mjs';
import { palette, say } from '../say.mjs';
import { layerwright } from './command.mjs';
import { heldImages } from './registry-view.mjs';
import { table } from './screen.mjs';
import { BRANCH, NAMESPACE } from './settings.mjs';

/**
 * @typedef {object} Results
 * @property {any[]} builds rows of `layerwright show --json`, of completed builds
 * @property {any[]} failed the same of the others
 * @property {boolean} good all ended as they were meant to, and the registry agrees
 */

/**
 * Prints the registry's table and the failure, and judges the run.
 * @param {{ ends: readonly import('./plan.mjs').End[], config: string, registry: string }} options
 * @returns {Promise<Results>}
 */
export async function sayResults({ ends, config, registry }) {
  const { bold, red } = palette();
  const rows = await Promise.all(ends.map(({ event }) => showBuild(event.build ?? '', config)));
  const builds = rows.filter(({ state }) => state === 'completed');
  const failed = rows.filter(({ state }) => state !== 'completed');
  const images = await heldImages(registry);
  const digests = new Set(builds.map(({ image }) => image.digest));
  const shown = images.filter(({ digest }) => digests.has(digest));

  say(`\n${bold(`What the registry at ${registry} holds of these builds`)}, by its own API:\n`);
  say(
    table(
      ['REPOSITORY', 'DIGEST', 'LAYERS', 'SIZE', 'TAGS'],
      shown.map(({ repository, digest, tags, layers, bytes }) => [
        repository,
        `${digest.slice(0, 19)}…`,
        String(layers),
        `${(bytes / 1e6).toFixed(1)} MB`,
        tags.filter((tag) => !tag.startsWith('build-')).join(' '),
      ]),
    ),
  );
  for (const row of failed) {
    say(`\n${bold(`${row.component} was not built`)}, and its maintainer reads why:\n`);
    say(`  ${red(row.failure?.message ?? row.skipped?.message ?? row.state)}`);
    for (const line of String(row.failure?.detail ?? '')
      .trim()
      .split('\n')
      .slice(-4))
      say(`  | ${line}`);
    if (row.advice) say(`  ${row.advice}`);
  }
  const wrong = [
    ...ends
      .filter(({ event, failureMeant }) => (event.state === 'completed') === failureMeant)
      .map(({ component, event }) => `${component} ${event.state}`),
    ...builds
      .filter(({ image }) => !shown.some(({ digest }) => digest === image.digest))
      .map(({ nvr }) => `the registry does not hold ${nvr}`),
  ];
  for (const fault of wrong) say(red(`✗ not as it should be: ${fault}`));
  return { builds, failed, good: wrong.length === 0 };
}

/**
 * @param {string} build
 * @param {string} config
 */
async function showBuild(build, config) {
  return JSON.parse(await layerwright(config, ['show', build, '--json']));
}

/**
 * Writes the results as JSON.
 * @param {string} file
 * @param {{ results: Results, ripple: import('./ripple.mjs').Ripple, place: { engine: string, registry: string, bus: string, config: string }, tookMs: number }} what
 */
export function writeResults(file, { results, ripple, place, tookMs }) {
  const common = (/** @type {any} */ row) => ({
    component: row.component,
    target: row.target,
    build: row.id,
    nvr: row.nvr,
    state: row.state,
    commit: row.source.commit,
    message_ids: Object.fromEntries(row.messages.map((/** @type {any} */ one) => [one.topic, one.id])),
  });
  const content = {
    took_ms: tookMs,
    engine: place.engine,
    registry: place.registry,
    bus: place.bus,
    config: place.config,
    builds: results.builds.map((row) => ({
      ...common(row),
      digest: row.image.digest,
      tags: row.image.references,
      parents: row.parents,
      timings: row.timings,
      log: row.log,
    })),
    failed: results.failed.map((row) => ({ ...common(row), failure: row.failure })),
    ripple: {
      base: { build: ripple.base.build, nvr: ripple.base.nvr },
      wave: ripple.wave,
      took_ms: ripple.tookMs,
      rebuilds: ripple.rows.map((row) => ({
        ...common(row),
        digest: row.image?.digest ?? null,
        parents: row.parents,
        failure: row.failure,
      })),
    },
  };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}

/**
 * How to look at what is left when it has ended.
 * @param {{ config: string, kind: string }} options
 */
export function sayLook({ config, kind }) {
  // A broker of the demo's own ends with it.
  if (kind !== 'embedded') return;
  const { bold } = palette();
  say(`
${bold('Look at what it did')}, from ${root}:

  export LAYERWRIGHT_CONFIG=${config}
  npx layerwright why app
  npx layerwright why broken
  npx layerwright graph --stale
  npx layerwright rebuild --dependents-of base --dry-run`);
}

/**
 * What a person can do next while it stays up.
 * @param {{ dir: string, config: string, registry: string, look: string | null }} options `look`: where a person can look into the bus
 */
export function sayNext({ dir, config, registry, look }) {
  const { bold, dim } = palette();
  const httpd = relative(root, join(dir, 'work/httpd'));
  say(`
${bold('It stays up.')} Try, in another terminal:

  cd ${root}
  export LAYERWRIGHT_CONFIG=${config}

  ${dim(`# a commit of your own; ${relative(root, join(dir, 'work'))} has clones of all repositories`)}
  echo '<p>Mine.</p>' >> ${httpd}/index.html
  git -C ${httpd} commit -am 'A page of my own' && git -C ${httpd} push origin ${BRANCH}

  npx layerwright builds              ${dim('# what was built, and what was not')}
  npx layerwright show httpd          ${dim('# all that is known of the newest build')}
  npx layerwright logs broken         ${dim('# what a failing build wrote')}
  npx layerwright try ${NAMESPACE}/app ${BRANCH}  ${dim('# what a push there would do')}
  npx layerwright why app             ${dim('# why its newest image was built, down to the push of the base')}
  npx layerwright why broken          ${dim('# why it was not')}
  npx layerwright graph --stale       ${dim('# what stands on old images; without --stale who stands on whom')}
  npx layerwright rebuild --dependents-of base --dry-run
  npx layerwright doctor              ${dim('# whether bus, engine, registry and git are well')}
  curl ${registry}/v2/_catalog${look === null ? '' : `\n  ${look}`}

Ctrl-C ends it; ${relative(root, dir)} keeps what was built. Events from now on:
`);
}
