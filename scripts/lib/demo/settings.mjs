// The demo's own configuration: written to a file that a person can read, keep and change.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Registry that the example Dockerfiles name; a rewrite sends it to the demo's. */
export const WRITTEN_REGISTRY = 'registry.example.org';
export const PREFIX = 'org.example.demo';
export const TARGET = 'demo';
export const BRANCH = 'main';
export const NAMESPACE = 'container';

/**
 * Writes `layerwright.yaml` and returns its path.
 * @param {{ dir: string, bus: string, repositories: string, engine: string, platform: string, registry: string, health: number, pulls: boolean }} options
 *   `bus`: its settings as YAML; `health`: port of /readyz; `pulls`: the base image comes from Docker Hub, as no static busybox is here
 */
export function writeSettings({ dir, bus, repositories, engine, platform, registry, health, pulls }) {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'layerwright.yaml');
  const lines = [
    '# Written by `npm run demo`, each time anew.',
    `prefix: ${PREFIX}`,
    `bus: ${bus}`,
    `state: ${quote(join(dir, 'state'))}`,
    `http: { host: 127.0.0.1, port: ${health} }`,
    '# Rebuilds begin soon, so that nobody waits; a service of yours waits longer for further changes.',
    'rebuilds: { quiet: 5s, deadline: 1m }',
    'sources:',
    `  - match: { namespace: ${NAMESPACE} }`,
    `    clone: ${quote(`file://${repositories}/{namespace}/{repo}.git`)}`,
    '    component: "{repo}"',
    'targets:',
    `  ${TARGET}:`,
    `    refs: [${BRANCH}]`,
    `    dist: .${TARGET}`,
    `    repository: "${TARGET}/{component}"`,
    '    latest: true',
    '    candidate: candidate',
    '    parents:',
    `      allow: [${WRITTEN_REGISTRY}${pulls ? ', docker.io/library' : ''}]`,
    `      rewrite: [{ from: "${WRITTEN_REGISTRY}/{path}", to: "candidate/{path}" }]`,
    '    network: none',
    '    limits: { time: 10m }',
    'engines:',
    `  - { host: ${quote(engine)}, platform: ${platform}, slots: 2 }`,
    'registries:',
    `  candidate: { url: ${quote(registry)} }`,
    ...(pulls ? ['  hub: { url: "https://registry-1.docker.io" }'] : []),
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** @param {string} text */
function quote(text) {
  return JSON.stringify(text); // YAML takes JSON's strings.
}
