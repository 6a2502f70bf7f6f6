import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { openRegistry } from '../../src/registry/index.js';
import { CliFolder } from '../support/cli.js';
import { firstSkip, requireEngine, requireRegistry } from '../support/services.js';

const engine = requireEngine();
const registry = requireRegistry();

describe('the command line with an engine and a registry', { skip: firstSkip(engine, registry) }, () => {
  let cli: CliFolder;
  beforeEach(async () => {
    cli = await CliFolder.make({ engine: engine.url, registry: registry.url });
    await mkdir(join(cli.folder, 'git'));
  });
  afterEach(() => cli.close());

  it('doctor finds all well, really pushes, and leaves at most one tag', async () => {
    const client = openRegistry({ name: 'candidate', url: registry.url, credentials: { kind: 'none' } });
    const before = await client.tags('layerwright-doctor');
    const findings = await cli.json('doctor');
    assert.deepEqual(
      findings.filter(({ status }) => status === 'fault'),
      [],
    );
    const push = findings.find(({ name }) => name === 'push to candidate');
    assert.match(String(push?.['text']), /built and pushed an image/);
    assert.equal((await cli.run(['doctor'])).code, 0);
    const left = (await client.tags('layerwright-doctor')).filter((tag) => !before.includes(tag));
    await client.close();
    assert.ok(
      left.every((tag) => tag === 'check'),
      left.join(),
    );
  });

  it('try tells what a push would do, or why nothing, and does nothing', async () => {
    const commit = await repository('httpd', 'FROM scratch\nLABEL version="2.4"\nCOPY Dockerfile /\n');
    const [would] = await cli.json('try', 'container/httpd', 'f41');
    assert.equal(would?.['nvr'], 'httpd-2.4-1.f41');
    assert.deepEqual(
      [would?.['component'], would?.['target'], would?.['commit'], would?.['builds']],
      ['httpd', 'f41', commit, true],
    );
    const { stdout, code } = await cli.run(['try', 'container/httpd', 'f41']);
    assert.equal(code, 0);
    assert.match(stdout, /^builds +httpd-2\.4-1\.f41$/m);
    assert.match(stdout, /^tag +127\.0\.0\.1:\d+\/cli\/httpd:2\.4-1\.f41$/m);
    await repository('bad', 'FROM scratch\n');
    assert.match((await cli.run(['try', 'container/bad', 'f41'])).stdout, /^fails .*version.* \[config_invalid\]$/m);
    assert.match((await cli.run(['try', 'container/bad', 'other', '--commit', commit])).stdout, /nothing: .*no_target/);
    assert.equal((await cli.run(['try', 'strangers/httpd', 'f41'])).code, 2);
    assert.equal((await cli.run(['record'])).stdout, '');
  });

  /** Makes a bare repository with one commit on f41. */
  async function repository(name: string, dockerfile: string): Promise<string> {
    const work = join(cli.folder, 'work', name);
    const bare = join(cli.folder, 'git', 'container', `${name}.git`);
    await mkdir(work, { recursive: true });
    await writeFile(join(work, 'Dockerfile'), dockerfile);
    const git = async (...args: readonly string[]): Promise<string> =>
      (
        await promisify(execFile)('git', ['-C', work, '-c', 'user.name=A', '-c', 'user.email=a@b', ...args])
      ).stdout.trim();
    await git('init', '--quiet', '--initial-branch=f41');
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'first');
    await git('clone', '--quiet', '--bare', work, bare);
    return git('rev-parse', 'HEAD');
  }
});
