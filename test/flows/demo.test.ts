import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { requireEngine } from '../support/services.js';

const demo = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url));
const exec = promisify(execFile);
const engine = requireEngine();

interface Built {
  readonly component: string;
  readonly nvr: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly timings: object;
  readonly message_ids: Readonly<Record<string, string>>;
}

interface Rebuilt {
  readonly component: string;
  readonly state: string;
  readonly digest: string | null;
  readonly parents: readonly { readonly digest: string }[];
}

interface Report {
  readonly builds: readonly Built[];
  readonly failed: readonly { readonly component: string; readonly failure: { readonly code: string } }[];
  readonly ripple: {
    readonly base: { readonly nvr: string };
    readonly wave: string;
    readonly rebuilds: readonly Rebuilt[];
  };
}

/** What the change of the base led to: all that stands on it once, each after its parents and on their new images. */
function assertRippled({ ripple, builds }: Report): void {
  const order = ripple.rebuilds.map(({ component }) => component);
  assert.deepEqual([...order].sort(), ['app', 'broken', 'httpd', 'multistage']);
  const digestOf = (component: string): string | null =>
    ripple.rebuilds.find((one) => one.component === component)?.digest ?? null;
  const before = new Set(builds.map(({ digest }) => digest));
  for (const { component, state, parents } of ripple.rebuilds) {
    assert.equal(state, component === 'broken' ? 'failed' : 'completed', component);
    for (const { digest } of parents) assert.ok(!before.has(digest), `${component} stands on an old image`);
  }
  for (const above of ['app', 'multistage']) {
    assert.ok(order.indexOf('httpd') < order.indexOf(above), order.join(' '));
    const parents = ripple.rebuilds.find(({ component }) => component === above)?.parents ?? [];
    assert.ok(
      parents.some(({ digest }) => digest === digestOf('httpd')),
      above,
    );
  }
}

describe('npm run demo', { skip: engine.skip }, () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'layerwright-demo-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const runDemo = async (): Promise<{ stdout: string; report: Report }> => {
    const file = join(folder, 'out.json');
    const env = { ...process.env, DOCKER_HOST: engine.url };
    const args = [demo, '--exit', '--state', join(folder, 'state'), '--json', file];
    const { stdout } = await exec(process.execPath, args, { env, maxBuffer: 16 * 1024 * 1024 });
    return { stdout, report: JSON.parse(await readFile(file, 'utf8')) as Report };
  };

  test('builds five pushes, of which one fails, then what stands on a changed base, twice on the same state, and leaves nothing running', async () => {
    const first = await runDemo();
    assert.deepEqual(first.report.builds.map(({ component }) => component).sort(), [
      'app',
      'base',
      'httpd',
      'multistage',
    ]);
    assert.deepEqual(
      first.report.failed.map(({ component, failure }) => [component, failure.code]),
      [['broken', 'build_failed']],
    );
    for (const { nvr, digest, tags, timings, message_ids: ids } of first.report.builds) {
      assert.match(nvr, /^[a-z]+-[\d.]+-1\.demo$/);
      assert.match(digest, /^sha256:[0-9a-f]{64}$/);
      assert.ok(
        tags.some((tag) => tag.endsWith(':latest')),
        `no floating tag in ${tags.join(' ')}`,
      );
      assert.ok(timings);
      assert.deepEqual(
        Object.keys(ids)
          .map((topic) => topic.split('.').at(-1))
          .sort(),
        ['completed', 'requested', 'started'],
      );
    }
    assert.match(first.stdout, /broken +failed/);
    assertRippled(first.report);
    assert.equal(first.report.ripple.base.nvr, 'base-1.0-2.demo');
    assert.match(first.stdout, /layerwright why app\n/);

    const second = await runDemo();
    assertRippled(second.report);
    // The base has had one commit more: its change.
    assert.deepEqual(second.report.builds.map(({ component, nvr }) => [component, nvr.split('-').at(-1)]).sort(), [
      ['app', '2.demo'],
      ['base', '3.demo'],
      ['httpd', '2.demo'],
      ['multistage', '2.demo'],
    ]);
    const left = (await readdir(join(folder, 'state'), { recursive: true })).filter((name) =>
      /\.(pid|sock)$/.test(name),
    );
    assert.deepEqual(left, []);
  });
});
