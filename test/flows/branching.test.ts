/** A release is branched: thirty branches come at once, and what stands on others comes before those. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { MessageBodies } from '../../src/messages/index.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry] = [requireEngine(), requireRegistry()];
const exec = promisify(execFile);

const NEW = 'f42';
/** For thirty images, on a machine that has other work; milliseconds. */
const BUILT_MS = 240_000;
const LOWER = Array.from({ length: 6 }, (_, n) => `lower-${n}`);
/** Of each of the upper ones what it stands on: the first by `FROM`, the second by `COPY --from=`. */
const UPPER = new Map<string, readonly string[]>(
  Array.from({ length: 24 }, (_, n) => [`upper-${n}`, [`lower-${n % 6}`, `lower-${(n + 1) % 6}`]]),
);
const ALL = [...UPPER.keys(), ...LOWER];

type Completed = MessageBodies['build.completed.v1'];
type About = Pick<Completed, 'build'>;

describe('thirty new branches', { skip: firstSkip(engine, registry) }, () => {
  const space = `flow-branching-${process.pid}`;
  const commits = new Map<string, string>();
  let service: ServiceFolder;

  /** What is told of builds for the new branch, oldest first. */
  const said = async <Body extends About>(what: string): Promise<readonly Body[]> =>
    (await service.told<Body>(`build.${what}`)).filter(({ build }) => build.target === NEW);
  const sourceOf = (name: string): Readonly<Record<string, string>> => {
    const [first, second] = UPPER.get(name) ?? [];
    const from = (parent: string): string => `registry.example.org/${space}/${parent}:latest`;
    const stands = first === undefined ? 'FROM scratch\n' : `FROM ${from(first)}\n`;
    const copy = second === undefined ? '' : `COPY --from=${from(second)} /${second} /of-${second}\n`;
    return { Dockerfile: `${stands}LABEL version="1"\nCOPY note /${name}\n${copy}`, note: name };
  };

  before(async () => {
    service = await ServiceFolder.make({
      engine: engine.url,
      registry: registry.url,
      space,
      slots: 4,
      quiet: '1s',
    });
    const target = [
      `  ${NEW}:`,
      `    refs: [${NEW}]`,
      `    dist: .${NEW}`,
      `    repository: "${space}/${NEW}/{component}"`,
      '    latest: true',
      '    candidate: candidate',
      '    parents:',
      '      allow: [registry.example.org]',
      `      rewrite: [{ from: "registry.example.org/${space}/{path}", to: "candidate/${space}/${NEW}/{path}" }]`,
      '    network: none',
    ].join('\n');
    const yaml = await readFile(service.config, 'utf8');
    await writeFile(service.config, yaml.replace('\nengines:', `\n${target}\nengines:`));
    await service.start();
    for (const name of ALL) {
      commits.set(name, await service.commit(name, sourceOf(name)));
      await exec('git', ['branch', NEW], { cwd: join(service.folder, 'git', 'container', `${name}.git`) });
    }
    // So that the old branch has images by the names that the new one's Dockerfiles have.
    for (const name of LOWER) await service.announce(name, commits.get(name) ?? '');
    await until(
      'the old branch is built',
      async () => (await service.told('build.completed')).length === LOWER.length,
      BUILT_MS,
    );
  });
  after(async () => {
    await service?.close();
  });

  it('are built once each, in order, on images of the new branch, whatever comes first', async () => {
    await Promise.all(ALL.map((name) => service.announce(name, commits.get(name) ?? '', NEW)));
    await until(
      'all are built',
      async () => new Set((await said<Completed>('completed')).map(({ build }) => build.component)).size === ALL.length,
      BUILT_MS,
    );

    const completed = await said<Completed>('completed');
    const names = completed.map(({ build }) => build.component);
    assert.deepEqual([...names].sort(), [...ALL].sort(), 'each once');
    assert.deepEqual(await said('failed'), []);
    const digests = new Map(completed.map(({ build, image }) => [build.component, image.digest]));
    for (const { build, parents } of completed) {
      const stands = UPPER.get(build.component) ?? [];
      assert.deepEqual(
        parents.map(({ digest }) => digest),
        stands.map((parent) => digests.get(parent)),
        build.component,
      );
      for (const parent of stands) assert.ok(names.indexOf(parent) < names.indexOf(build.component), build.component);
    }

    assert.ok((await said('skipped')).length > 0, 'some came before what they stand on');
    for (const what of ['requested', 'started']) {
      const attempts = (await said(what)).map(({ build }) => `${build.component} ${build.attempt}`);
      assert.equal(new Set(attempts).size, attempts.length, `nothing is ${what} twice`);
    }
    const most = Math.max(...(await said('requested')).map(({ build }) => build.attempt));
    assert.ok(most <= 2, 'who waits for two parents is asked for when both have come');
    assert.equal((await service.cli('graph', '--stale')).stdout, '');
    assert.deepEqual(await service.told('wave.opened'), []);
  });
});
