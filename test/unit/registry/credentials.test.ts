import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { CredentialSource, keysOf, loginOf } from '../../../src/registry/credentials.js';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layerwright-credentials-'));
});
after(() => rm(folder, { recursive: true }));

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function fromDockerConfig(config: unknown, host: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  await writeFile(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  return new CredentialSource({ kind: 'docker_config', path: null }, host, { ...env, DOCKER_CONFIG: folder }).login();
}

async function helper(name: string, script: string): Promise<NodeJS.ProcessEnv> {
  const file = join(folder, `docker-credential-${name}`);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return { PATH: `${folder}:${process.env['PATH']}` };
}

const refused = (error: unknown): boolean => error instanceof ServiceError && error.code === 'registry_denied';

test('a registry is found under each form of its key', async () => {
  const login = { username: 'ann', password: 'pass:word' };
  const auth = { auth: base64('ann:pass:word') };
  for (const key of ['r.example.org:5000', 'https://r.example.org:5000', 'http://r.example.org:5000/v1/'])
    assert.deepEqual(await fromDockerConfig({ auths: { [key]: auth } }, 'r.example.org:5000'), login, key);
  for (const key of ['https://index.docker.io/v1/', 'docker.io', 'index.docker.io', 'https://registry-1.docker.io/v2/'])
    assert.deepEqual(await fromDockerConfig({ auths: { [key]: auth } }, 'docker.io'), login, key);
  assert.equal(await fromDockerConfig({ auths: { 'r.example.org': auth } }, 'r.example.org:5000'), null);
  assert.equal(await fromDockerConfig({}, 'r.example.org'), null);
  assert.equal(keysOf('docker.io')[0], 'https://index.docker.io/v1/');
});

test('an entry without a login gives none', () => {
  for (const entry of [undefined, null, {}, [], { auth: '' }, { auth: base64('no colon') }, { auth: base64(':x') }])
    assert.equal(loginOf(entry), null);
  assert.deepEqual(loginOf({ username: 'a', password: 'b' }), { username: 'a', password: 'b' });
  assert.deepEqual(loginOf({ identitytoken: 't', auth: base64('a:') }), { username: '<token>', password: 't' });
});

test('a credential helper is asked for its registry, before the store and the file', async () => {
  const env = await helper('own', 'read key; echo "{\\"Username\\":\\"$1\\",\\"Secret\\":\\"$key\\"}"');
  const config = { credHelpers: { 'r.example.org': 'own' }, credsStore: 'absent', auths: {} };
  assert.deepEqual(await fromDockerConfig(config, 'r.example.org', env), {
    username: 'get',
    password: 'r.example.org',
  });
  const hub = { credsStore: 'own' };
  assert.deepEqual(await fromDockerConfig(hub, 'docker.io', env), {
    username: 'get',
    password: 'https://index.docker.io/v1/',
  });
});

test('what a helper does not have is looked for in the file', async () => {
  const env = await helper('empty', 'echo credentials not found in native keychain; exit 1');
  const config = { credsStore: 'empty', auths: { 'r.example.org': { auth: base64('a:b') } } };
  assert.deepEqual(await fromDockerConfig(config, 'r.example.org', env), { username: 'a', password: 'b' });
});

test('broken helpers and files are refused without quoting their contents', async () => {
  const nonsense = await helper('nonsense', 'echo s3cret');
  const failing = await helper('failing', 'echo s3cret >&2; exit 3');
  for (const [config, env] of [
    [{ credsStore: 'nonsense' }, nonsense],
    [{ credsStore: 'failing' }, failing],
    [{ credsStore: 'absent-helper' }, {}],
    [{ credsStore: '../../bin/sh' }, {}],
    ['{"auths": s3cret', {}],
    ['[]', {}],
  ] as const)
    await assert.rejects(fromDockerConfig(config, 'r.example.org', env), (error) => {
      assert.ok(refused(error));
      assert.doesNotMatch(JSON.stringify([String(error), (error as ServiceError).detail]), /s3cret/);
      return true;
    });
});

test('without docker’s config file there is no login, but a named one must be there', async () => {
  const env = { DOCKER_CONFIG: join(folder, 'absent') };
  assert.equal(await new CredentialSource({ kind: 'docker_config', path: null }, 'x', env).login(), null);
  const named = new CredentialSource({ kind: 'docker_config', path: join(folder, 'absent.json') }, 'x', {});
  await assert.rejects(named.login(), refused);
});

test('secret files are read at each question, without their last line end', async () => {
  const [userFile, passwordFile] = [join(folder, 'user'), join(folder, 'password')];
  const source = new CredentialSource({ kind: 'files', userFile, passwordFile }, 'x', {});
  await assert.rejects(source.login(), refused);
  await Promise.all([writeFile(userFile, 'ann\n'), writeFile(passwordFile, ' old \r\n')]);
  assert.deepEqual(await source.login(), { username: 'ann', password: ' old ' });
  await writeFile(passwordFile, 'new');
  assert.deepEqual(await source.login(), { username: 'ann', password: 'new' });
});
