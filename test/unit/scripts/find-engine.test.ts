import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { enginePlaces, findEngine } from '../../../scripts/lib/find-engine.mjs';

describe('finding an engine', () => {
  let home = '';
  let server: Server;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'layerwright-home-'));
    await mkdir(join(home, '.docker/contexts/meta/abc'), { recursive: true });
    await writeFile(join(home, '.docker/config.json'), '{"currentContext":"desktop-linux"}');
    await writeFile(
      join(home, '.docker/contexts/meta/abc/meta.json'),
      JSON.stringify({ Name: 'desktop-linux', Endpoints: { docker: { Host: `unix://${home}/engine.sock` } } }),
    );
    server = createServer((request, response) => {
      response.writeHead(request.url === '/_ping' ? 200 : 404).end('OK');
    });
    await new Promise<void>((resolve) => server.listen(join(home, 'engine.sock'), resolve));
  });
  after(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(home, { recursive: true, force: true });
  });

  test('asks DOCKER_HOST first, then the current docker context', () => {
    const places = enginePlaces({ DOCKER_HOST: 'tcp://127.0.0.1:2375' }, home).slice(0, 2);
    assert.deepEqual(places, [
      { host: 'tcp://127.0.0.1:2375', from: 'DOCKER_HOST' },
      { host: `unix://${home}/engine.sock`, from: 'docker context desktop-linux' },
    ]);
  });

  test('takes DOCKER_CONTEXT before the one that is written down, and none for a name without a file', () => {
    const contexts = (name: string) =>
      enginePlaces({ DOCKER_CONTEXT: name }, home).filter(({ from }) => from.startsWith('docker context'));
    assert.equal(contexts('desktop-linux').length, 1);
    assert.deepEqual(contexts('absent'), []);
    assert.deepEqual(contexts('default'), []);
  });

  test('takes the first that answers', async () => {
    const { found } = await findEngine({}, home);
    assert.deepEqual(found, { host: `unix://${home}/engine.sock`, from: 'docker context desktop-linux' });
  });

  test('takes no other engine than the one that DOCKER_HOST names, and says why that can not be used', async () => {
    const { found, tried } = await findEngine({ DOCKER_HOST: `unix://${home}/absent.sock` }, home);
    assert.equal(found, null);
    assert.deepEqual(tried, [{ host: `unix://${home}/absent.sock`, from: 'DOCKER_HOST', why: 'not there' }]);
    const overSsh = await findEngine({ DOCKER_HOST: 'ssh://build.example.org' }, home);
    assert.equal(overSsh.tried[0]?.why, 'only unix: and tcp: are understood here');
  });
});
