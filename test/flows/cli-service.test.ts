import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CliFolder, type RunningCli } from '../support/cli.js';
import { PREFIX } from '../support/samples.js';
import { until } from '../support/until.js';

const TOPIC = `${PREFIX}.git.receive`;

describe('layerwright up', () => {
  let cli: CliFolder;
  beforeEach(async () => {
    cli = await CliFolder.make();
  });
  afterEach(() => cli.close());

  /** Starts a service; resolves with where it serves health. */
  async function start(...args: readonly string[]): Promise<{ readonly up: RunningCli; readonly url: string }> {
    const up = cli.start(args);
    const url = await until('the service is up', () => /http:\S+(?=\/readyz)/.exec(up.stdout)?.[0]);
    return { up, url };
  }

  async function stop(up: RunningCli): Promise<void> {
    up.child.kill('SIGTERM');
    const { code, stderr } = await up.ended;
    assert.equal(code, 0, stderr);
  }

  it('works without its engine and registry, says so on /readyz, and ends well at SIGTERM', async () => {
    const { up, url } = await start('up');
    assert.match(up.stdout, /^layerwright \d+\.\d+\.\d+ is up: trigger, builder, planner$/m);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    const ready = await fetch(`${url}/readyz`);
    assert.equal(ready.status, 503);
    const { checks, config } = (await ready.json()) as { checks: { name: string; ok: boolean }[]; config: string };
    assert.match(config, /^[0-9a-f]{16}$/);
    assert.deepEqual(
      checks.map(({ name, ok }) => [name.split(' ')[0], ok]),
      [
        ['bus', true],
        ['engine', false],
        ['registry', false],
        ['git', true],
        ['config', true],
      ],
    );
    await stop(up);
    for (const line of up.stderr
      .trim()
      .split('\n')
      .filter((text) => text.startsWith('{'))) {
      assert.equal(typeof JSON.parse(line).process, 'string');
    }
    assert.equal(existsSync(join(cli.folder, '.layerwright', 'up.lock')), false);
  });

  it('refuses a second one of its folder and says who has it; after kill -9 it starts again', async () => {
    const { up } = await start('up');
    const second = await cli.run(['up']);
    assert.equal(second.code, 69);
    assert.match(
      second.stderr,
      new RegExp(`in use by another .*pid ${up.child.pid} on .*since 20.*\\[folder_in_use\\]`),
    );
    assert.doesNotMatch(second.stderr, /^\s+at /m);
    up.child.kill('SIGKILL');
    await up.ended;
    const { up: later } = await start('up');
    await stop(later);
  });

  it('takes a push that waited for it; what is none is a dead letter that watch shows', async () => {
    const stdin = JSON.stringify({
      commit: { repo: 'httpd', namespace: 'container', branch: 'f41', rev: 'no commit' },
    });
    assert.equal((await cli.run(['publish', '--topic', TOPIC, '--id', 'bad-1'], { stdin })).code, 0);
    const { up, url } = await start('up');
    const [letter] = await until('the dead letter is there', async () => {
      const letters = await cli.json('watch', '--dead');
      return letters.length > 0 ? letters : null;
    });
    assert.deepEqual([letter?.['id'], letter?.['topic'], letter?.['code']], ['bad-1', TOPIC, 'push_invalid']);
    assert.match((await cli.run(['watch', '--dead'])).stdout, /push_invalid .*bad-1, group trigger\n {2}.*no commit/);
    await until('it is counted', async () =>
      /dead_letters_total\{code="push_invalid"\} 1/.test(await (await fetch(`${url}/metrics`)).text()),
    );
    await stop(up);
  });

  it('asks for the build of a push, which then waits for the engine', async () => {
    const { up, url } = await start('up', '--log-file', 'service.log', '--log-level', 'debug');
    const rev = 'ab'.repeat(20);
    const stdin = JSON.stringify({ commit: { repo: 'httpd', namespace: 'container', branch: 'f41', rev } });
    await cli.run(['publish', '--topic', TOPIC], { stdin });
    const [row] = await until('the build is asked for', async () => {
      const rows = await cli.json('builds');
      return rows.length > 0 ? rows : null;
    });
    assert.deepEqual([row?.['component'], row?.['state']], ['httpd', 'requested']);
    assert.match(await (await fetch(`${url}/metrics`)).text(), /queue_waiting 1\n/);
    await stop(up);
    assert.equal(up.stderr, 'stopping; once more stops at once\n');
    assert.match(await readFile(join(cli.folder, 'service.log'), 'utf8'), /"msg":"build requested"/);
  });

  it('has roles beside it, and they agree on the configuration', async () => {
    const { up } = await start('up');
    const { up: beside, url } = await start('run', 'trigger', 'planner');
    const { up: third } = await start('run', 'trigger');
    const ready = (await (await fetch(`${url}/readyz`)).json()) as { ready: boolean; roles: string[] };
    assert.deepEqual(ready.roles, ['trigger', 'planner']);
    assert.equal(ready.ready, true);
    await stop(third);
    await stop(beside);
    await stop(up);
  });

  it('says what is wrong before it starts', async () => {
    const { code, stderr } = await cli.run(['up', '--log-file', cli.folder]);
    assert.equal(code, 2);
    assert.match(stderr, /can't be written to \[usage\]/);
    assert.equal((await cli.run(['up', '--listen', 'nowhere'])).code, 2);
    const doctor = await cli.run(['doctor']);
    assert.equal(doctor.code, 69);
    assert.match(doctor.stdout, /fault {2}engine unix:.*\n +→ Start it/);
    assert.match(doctor.stdout, /fault {2}registry candidate.*\n +→ Start it, or correct `registries\.candidate\.url`/);
    assert.match(doctor.stdout, /ok {5}bus: embedded/);
  });
});
