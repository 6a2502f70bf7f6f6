import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { Commands } from '../../src/git/command.js';
import { until } from '../support/until.js';

const execute = promisify(execFile);
const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };

suite('git commands', () => {
  let commands: Commands;
  const run = (args: readonly string[], more: NodeJS.ProcessEnv = {}, signal?: AbortSignal) =>
    commands.run({ args, env: { ...env, ...more }, timeoutMs: 30_000, signal });
  before(() => {
    commands = new Commands(env);
  });
  after(() => commands.close());

  test('come to git as they are given, and its output as it is', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((each) => !each.includes('\0'));
    const nasty = fc.constantFrom("'", "'; id; '", '$(id)', '`id`', '\\', '\n', '"', '!', '*', '-n', '', 'ä𝄞');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(text, nasty), { minLength: 1, maxLength: 5 }), async (words) => {
        const args = ['rev-parse', '--sq-quote', ...words];
        const [ours, theirs] = await Promise.all([run(args), execute('git', args, { env, encoding: 'buffer' })]);
        assert.deepEqual(ours, { code: 0, stdout: theirs.stdout, stderr: '' });
      }),
      { numRuns: 60 },
    );
  });

  test('have the environment that each is given, and no other', async () => {
    const value = "a'b\n$HOME `id`";
    const config = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'our.own', GIT_CONFIG_VALUE_0: value };
    const had = await run(['config', '--null', '--get', 'our.own'], config);
    assert.equal(had.stdout.toString('utf8'), `${value}\0`);
    const later = await run(['config', '--null', '--get', 'our.own']);
    assert.deepEqual([later.code, later.stdout.length], [1, 0]);
  });

  test('that run at the same time have their own answers', async () => {
    const numbers = Array.from({ length: 20 }, (_, index) => `number ${index}`);
    const outcomes = await Promise.all(numbers.map((each) => run(['rev-parse', '--sq-quote', each])));
    assert.deepEqual(
      outcomes.map(({ stdout }) => stdout.toString('utf8').trim()),
      numbers.map((each) => `'${each}'`),
    );
  });

  test('that fail say with what code, and what git said', async () => {
    const { code, stdout, stderr } = await run(['--git-dir=/nowhere', 'log']);
    assert.equal(code, 128);
    assert.equal(stdout.length, 0);
    assert.match(stderr, /^fatal: not a git repository: '\/nowhere'\s*$/);
  });

  test('may give much, of any bytes, but no more than they may', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'layerwright-commands-'));
    try {
      const bytes = Buffer.alloc(3_000_001, '\n\0\xff mark 0\n', 'latin1');
      await execute('git', ['init', '--quiet', '--bare', folder]);
      const written = execute('git', [`--git-dir=${folder}`, 'hash-object', '-w', '--stdin'], { env });
      written.child.stdin?.end(bytes);
      const oid = (await written).stdout.trim();
      const args = [`--git-dir=${folder}`, 'cat-file', 'blob', oid];
      const whole = await run(args);
      assert.ok(whole.stdout.equals(bytes));
      const bounded = commands.run({ args, env, timeoutMs: 30_000, maxBytes: 1_000_000 });
      await assert.rejects(bounded, { code: 'internal', message: /more than 1000000 bytes/ });
      assert.ok((await run(args)).stdout.equals(bytes), 'the next one is whole');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('go on when what runs them is killed, idle or not', async () => {
    await run(['version']);
    for (const pid of await shells()) process.kill(pid, 'SIGKILL');
    assert.equal((await run(['version'])).code, 0);

    const sleeping = run(['-c', 'alias.wait=!sleep 30', 'wait']);
    const first = await until('a shell runs it', () => busyShell());
    process.kill(-first, 'SIGKILL');
    // It was a kept one: a new one is asked again, and what that one says counts.
    const second = await until('another shell runs it', () => busyShell(first));
    process.kill(-second, 'SIGKILL');
    assert.deepEqual(await sleeping, { code: 137, stdout: Buffer.alloc(0), stderr: 'git was killed' });
  });

  test('without git say that it is missing', async () => {
    const nowhere = new Commands({ PATH: '/nowhere' });
    const outcome = nowhere.run({ args: ['version'], env: { PATH: '/nowhere' }, timeoutMs: 30_000 });
    await assert.rejects(outcome, { code: 'internal', message: 'git can’t be run; install it.' });
    const noPath = commands.run({ args: ['version'], env: { PATH: '/nowhere' }, timeoutMs: 30_000 });
    await assert.rejects(noPath, { code: 'internal', message: 'git can’t be run; install it.' });
    nowhere.close();
  });

  test('leave nothing running when they are closed, or called off', async () => {
    const ending = new AbortController();
    const called = run(['-c', 'alias.wait=!sleep 30', 'wait'], {}, ending.signal);
    ending.abort(new Error('called off'));
    await assert.rejects(called, /called off/);
    await run(['version']);
    commands.close();
    await until('no shell is left', async () => (await shells()).length === 0);
  });
});

/** The process numbers of this process's shells. */
async function shells(): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    const stat = await readFile(join('/proc', name, 'stat'), 'utf8').catch(() => '');
    const [, comm, parent] = /^\d+ \((.*)\) \S (\d+) /.exec(stat) ?? [];
    if (comm === 'sh' && Number(parent) === process.pid) found.push(Number(name));
  }
  return found;
}

/** One that runs something; null for none. */
async function busyShell(but: number | null = null): Promise<number | null> {
  for (const pid of await shells()) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    if (pid !== but && children !== '') return pid;
  }
  return null;
}
