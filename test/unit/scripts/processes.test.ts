import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkNode } from '../../../scripts/lib/dependencies.mjs';
import { endLeftovers, isSame, startTime, until } from '../../../scripts/lib/processes.mjs';

const library = new URL('../../../scripts/lib/processes.mjs', import.meta.url).href;
const LIMIT_MS = 10_000;

/** A script that starts a program and then waits; it prints the program's pid. */
const SCRIPT = (dir: string) => `
  import { start } from ${JSON.stringify(library)};
  const running = start({ name: 'sleeper', command: 'sleep', args: ['600'], dir: ${JSON.stringify(dir)} });
  console.log(running.pid);
  setInterval(() => {}, 1000);
`;

describe('programs beside a script', () => {
  let dir = '';
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'layerwright-processes-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const startScript = async () => {
    const script = spawn(process.execPath, ['--input-type=module', '--eval', SCRIPT(dir)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await script.stdout.setEncoding('utf8').take(1).toArray();
    return { script, pid: Number(line) };
  };

  test('end with it when it is asked to end', async () => {
    const { script, pid } = await startScript();
    script.kill('SIGTERM');
    const code = await new Promise((resolve) => script.on('close', resolve));
    assert.equal(code, 143);
    assert.equal(startTime(pid), null);
    assert.equal(existsSync(join(dir, 'sleeper.pid')), false);
  });

  test('are ended by the next run when it was killed, and not while it lives', async () => {
    const { script, pid } = await startScript();
    await assert.rejects(endLeftovers(dir), /is in use by process \d+/);
    script.kill('SIGKILL');
    await new Promise((resolve) => script.on('close', resolve));
    assert.notEqual(startTime(pid), null);
    assert.deepEqual(await endLeftovers(dir), ['sleeper']);
    assert.ok(await until(() => startTime(pid) === null, LIMIT_MS));
  });

  test('are told from others that have got their pid since', async () => {
    await writeFile(join(dir, 'other.pid'), `${process.pid} 1 999999999 1\n`);
    assert.deepEqual(await endLeftovers(dir), []);
    assert.equal(isSame(process.pid, '1'), false);
    assert.equal(isSame(process.pid, startTime(process.pid) ?? ''), true);
  });
});

describe('the check of Node', () => {
  test('lets pass what package.json asks for, and refuses older ones with a sentence', async () => {
    const { engines } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as {
      engines: { node: string };
    };
    const oldest = engines.node.replace('>=', '');
    checkNode(`${oldest}.0`);
    checkNode('24.1.0');
    assert.throws(() => checkNode('20.10.1'), {
      exitCode: 69,
      message: new RegExp(`needs Node ${oldest} or newer; this is Node 20.10.1`),
    });
    assert.throws(() => checkNode('18.20.0'));
  });
});
