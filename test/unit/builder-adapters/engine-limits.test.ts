import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { openEngine } from '../../../src/builder/adapters/docker-engine.js';
import { checkEngine } from '../../../src/cli/checks/engine.js';

interface Says {
  readonly components: readonly string[];
  readonly info: { readonly MemoryLimit: boolean; readonly CpuCfsQuota: boolean };
  /** In Podman's own words; null for Docker. */
  readonly host: { readonly rootless: boolean; readonly controllers: readonly string[] } | null;
}

const ALL = { MemoryLimit: true, CpuCfsQuota: true };
const PODMAN = { components: ['Podman Engine'], info: ALL };

/** What engines say of themselves, and which of a build's limits they are given. */
const ENGINES: readonly (readonly [string, Says, readonly string[]])[] = [
  ['Docker', { components: ['Engine'], info: ALL, host: null }, ['memory', 'cpuquota']],
  [
    'Docker on a kernel without the controllers',
    { components: ['Engine'], info: { MemoryLimit: false, CpuCfsQuota: false }, host: null },
    [],
  ],
  ['Podman as root', { ...PODMAN, host: { rootless: false, controllers: [] } }, ['memory', 'cpuquota']],
  ['a rootless Podman without control groups', { ...PODMAN, host: { rootless: true, controllers: [] } }, []],
  [
    'a rootless Podman whose user was given the usual controllers',
    { ...PODMAN, host: { rootless: true, controllers: ['memory', 'pids'] } },
    ['memory'],
  ],
  [
    'a rootless Podman whose user was given all controllers',
    { ...PODMAN, host: { rootless: true, controllers: ['cpu', 'memory', 'pids'] } },
    ['memory', 'cpuquota'],
  ],
];

/** An engine that says this of itself and takes every build; `builds` gets what these were asked with. */
async function engineThat({ components, info, host }: Says, builds: URLSearchParams[], t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-limits-'));
  const server = createServer((request, answer) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://engine');
    const json = (value: unknown): void => {
      answer.setHeader('content-type', 'application/json');
      answer.end(`${JSON.stringify(value)}\n`);
    };
    if (pathname === '/version')
      json({
        Version: '1',
        ApiVersion: '1.41',
        Os: 'linux',
        Arch: 'amd64',
        Components: components.map((Name) => ({ Name })),
      });
    else if (pathname === '/info') json(info);
    else if (pathname.endsWith('/libpod/info') && host !== null)
      json({ host: { cgroupControllers: host.controllers, security: { rootless: host.rootless } } });
    else if (pathname === '/build') {
      builds.push(searchParams);
      request.resume().on('end', () => json({ aux: { ID: `sha256:${'a'.repeat(64)}` } }));
    } else if (pathname === '/events') answer.flushHeaders();
    else json(null);
  });
  server.listen(join(folder, 'engine.sock'));
  await once(server, 'listening');
  const engine = openEngine({ host: `unix://${join(folder, 'engine.sock')}` });
  t.after(async () => {
    await engine.close();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });
  return engine;
}

describe('limits of memory and processor time', () => {
  for (const [name, says, given] of ENGINES)
    test(`${name} is given ${given.join(' and ') || 'none'}; of the others the build's output and doctor tell`, async (t) => {
      const builds: URLSearchParams[] = [];
      const engine = await engineThat(says, builds, t);
      const lines: string[] = [];
      await engine.build(
        {
          context: Readable.from(['']),
          dockerfile: 'Dockerfile',
          dockerfileName: 'Dockerfile',
          reference: 'limits:1',
          build: 'limits',
          ownSteps: 0,
          labels: {},
          buildArgs: {},
          network: 'none',
          memoryBytes: 20_971_520,
          cpu: 0.5,
          useCache: false,
          platform: 'linux/amd64',
          logins: {},
          onLine: (line) => lines.push(line),
        },
        new AbortController().signal,
      );
      assert.deepEqual(
        ['memory', 'cpuquota'].filter((limit) => builds[0]?.has(limit)),
        given,
      );
      const told = {
        memory: lines.some((line) => line.includes('limits.memory')),
        cpuquota: lines.some((line) => line.includes('limits.cpu')),
      };
      assert.deepEqual(told, { memory: !given.includes('memory'), cpuquota: !given.includes('cpuquota') });
      const finding = await checkEngine(engine, 'linux/amd64');
      assert.equal(finding.status, given.length === 2 ? 'ok' : 'warn');
      assert.deepEqual(
        { memory: finding.text.includes('memory'), cpuquota: finding.text.includes('processor time') },
        told,
      );
    });
});
