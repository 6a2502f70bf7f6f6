import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, test } from 'node:test';
import { digestOf } from '../../src/kernel/digest.js';
import { type ErrorCode, ServiceError } from '../../src/kernel/service-error.js';
import { MEDIA_TYPE, openRegistry, type Registry } from '../../src/registry/index.js';
import { type FakeRegistry, startFakeRegistry } from '../support/fake-registry.js';
import { until } from '../support/until.js';

const MANIFEST = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest });
const DIGEST = digestOf(MANIFEST);
const TYPED = { 'content-type': MEDIA_TYPE.ociManifest };
const TIMEOUT_MS = 400;

let fakes: FakeRegistry[] = [];
let opened: Registry[] = [];
let folders: string[] = [];
afterEach(async () => {
  await Promise.all([...opened.map((registry) => registry.close()), ...fakes.map((fake) => fake.stop())]);
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
  [fakes, opened, folders] = [[], [], []];
});

type Answering = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

async function fake(answer: Answering): Promise<FakeRegistry> {
  const started = await startFakeRegistry(answer);
  fakes.push(started);
  return started;
}

async function registryThat(answer: Answering): Promise<{ registry: Registry; seen: FakeRegistry }> {
  const seen = await fake(answer);
  const registry = openRegistry({
    name: 'hostile',
    url: seen.url,
    credentials: { kind: 'none' },
    timeoutMs: TIMEOUT_MS,
  });
  opened.push(registry);
  return { registry, seen };
}

const sends =
  (status: number, headers: Record<string, string>, body: string | Buffer = ''): Answering =>
  (_request, response) =>
    response.writeHead(status, headers).end(body);

async function fails(work: Promise<unknown>, code: ErrorCode): Promise<ServiceError> {
  let thrown: unknown;
  await work.catch((error: unknown) => {
    thrown = error;
  });
  assert.ok(thrown instanceof ServiceError, `${code} was expected, not ${String(thrown)}`);
  assert.equal(thrown.code, code, thrown.message);
  return thrown;
}

test('a manifest that is not what was asked for is refused', async () => {
  const other = digestOf('other');
  const { registry } = await registryThat(sends(200, TYPED, MANIFEST));
  await fails(registry.getManifest('a', other), 'internal');
  const lying = await registryThat(sends(200, { ...TYPED, 'docker-content-digest': other }, MANIFEST));
  await fails(lying.registry.getManifest('a', 'latest'), 'internal');
  await fails(lying.registry.head('a', DIGEST), 'internal');
});

test('manifests that are no JSON object, too long or of another type are refused', async () => {
  for (const [headers, body] of [
    [TYPED, 'not json'],
    [TYPED, '[]'],
    [TYPED, 'null'],
    [TYPED, Buffer.alloc(5_000_000, 0x20)],
    [{ 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' }, '{"schemaVersion":1}'],
    [{ 'content-type': 'text/html' }, '{}'],
  ] as const) {
    const { registry } = await registryThat(sends(200, headers, body));
    await fails(registry.getManifest('a', 'latest'), 'internal');
  }
});

test('a body without a stated length is cut at its limit, not collected', async () => {
  const { registry } = await registryThat((_request, response) => {
    response.writeHead(200, TYPED);
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    };
    response.on('drain', more);
    more();
  });
  await fails(registry.getManifest('a', 'latest'), 'internal');
  await fails(registry.getBlob('a', DIGEST, 1_000), 'internal');
  await fails(registry.tags('a'), 'internal');
});

test('a missing digest header or type makes us read the manifest itself', async () => {
  const { registry } = await registryThat((request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(request.method === 'HEAD' ? '' : MANIFEST);
  });
  assert.deepEqual(await registry.head('a', 'latest'), {
    mediaType: MEDIA_TYPE.ociManifest,
    digest: DIGEST,
    size: MANIFEST.length,
  });
});

test('a blob with other bytes is refused, also as a stream, also when it is cut', async () => {
  const { registry } = await registryThat(sends(200, {}, 'other bytes'));
  await fails(registry.getBlob('a', DIGEST, 1_000), 'internal');
  const stream = await registry.streamBlob('a', DIGEST);
  assert.ok(stream);
  await fails(text(stream), 'internal');

  const cutting = await registryThat((_request, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('half');
    setImmediate(() => response.destroy());
  });
  await fails(cutting.registry.getBlob('a', DIGEST, 1_000), 'registry_unavailable');
  const cut = await cutting.registry.streamBlob('a', DIGEST);
  assert.ok(cut);
  await fails(text(cut), 'registry_unavailable');
});

test('a stored digest other than ours is refused', async () => {
  const { registry } = await registryThat((request, response) => {
    const headers = { location: '/v2/a/blobs/uploads/1', 'docker-content-digest': digestOf('other') };
    response.writeHead(request.method === 'POST' ? 202 : 201, headers).end();
  });
  await fails(registry.putManifest('a', 'latest', MEDIA_TYPE.ociManifest, Buffer.from(MANIFEST)), 'internal');
  await fails(registry.putBlob('a', Buffer.from('x')), 'internal');
});

test('redirects without end, to nowhere or to another scheme are refused', async () => {
  for (const location of ['/v2/a/manifests/latest', '', 'ftp://127.0.0.1/x', 'http://', 'file:///etc/passwd']) {
    const { registry, seen } = await registryThat(sends(307, { location }));
    await fails(registry.getManifest('a', 'latest'), 'internal');
    assert.ok(seen.seen.length <= 6);
  }
});

test('an upload is never redirected', async () => {
  const { registry } = await registryThat(sends(307, { location: '/elsewhere' }));
  await fails(registry.putManifest('a', 'latest', MEDIA_TYPE.ociManifest, Buffer.from(MANIFEST)), 'internal');
  await fails(registry.putBlob('a', Buffer.from('x')), 'internal');
});

test('a blob on another host is fetched there without our credentials', async () => {
  const blob = Buffer.from('blob');
  const storage = await fake(sends(200, {}, blob));
  const front = await fake((request, response) => {
    if (request.headers.authorization === undefined)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    else response.writeHead(307, { location: `${storage.url}/signed?key=1` }).end();
  });
  const registry = openRegistry(
    { name: 'front', url: front.url, credentials: { kind: 'docker_config', path: null }, timeoutMs: TIMEOUT_MS },
    { DOCKER_CONFIG: await dockerConfigFor(front.host) },
  );
  opened.push(registry);
  assert.deepEqual(await registry.getBlob('a', digestOf(blob), 100), blob);
  assert.deepEqual(storage.authorizations, ['']);
  assert.equal(front.authorizations.length, 2);
});

test('pages that go in a circle, to another host or hold no list end in an error', async () => {
  for (const link of ['</v2/a/tags/list>; rel="next"', '<http://127.0.0.1:1/v2/a/tags/list?n=2>; rel="next"']) {
    const { registry } = await registryThat(sends(200, { link }, '{"tags":["x"]}'));
    await fails(registry.tags('a'), 'internal');
  }
  for (const body of ['', '{"tags":{}}', '{"tags":[1]}', '[]', 'null']) {
    const { registry } = await registryThat(sends(200, {}, body));
    await fails(registry.tags('a'), 'internal');
  }
  let page = 0;
  const endless = await registryThat((_request, response) => {
    page += 1;
    response.writeHead(200, { link: `</v2/a/tags/list?page=${page}>; rel="next"` }).end(`{"tags":["t${page}"]}`);
  });
  await fails(endless.registry.tags('a'), 'internal');
});

test('tags of a repository are collected over pages, null included', async () => {
  const { registry } = await registryThat((request, response) => {
    if (request.url === '/v2/a/tags/list')
      response.writeHead(200, { link: '<tags-2>; rel="next"' }).end('{"name":"a","tags":["c","a"]}');
    else response.writeHead(200).end('{"tags":["b"]}');
  });
  assert.deepEqual(await registry.tags('a'), ['a', 'b', 'c']);
  const none = await registryThat(sends(200, {}, '{"name":"a","tags":null}'));
  assert.deepEqual(await none.registry.tags('a'), []);
});

test('silence before or inside an answer is registry_unavailable, in time', async () => {
  const silent = await registryThat(() => undefined);
  const fault = await fails(silent.registry.head('a', 'latest'), 'registry_unavailable');
  assert.ok(fault.transient);
  const stalls = await registryThat((_request, response) => {
    response.writeHead(200, { ...TYPED, 'content-length': '10' }).write('{');
  });
  await fails(stalls.registry.getManifest('a', 'latest'), 'registry_unavailable');
});

test('a fault that passes is waited out, one that stays is told after few tries', async () => {
  for (const first of [sends(503, {}), sends(429, { 'retry-after': '1' }), cutOff]) {
    let asked = 0;
    const { registry } = await registryThat((request, response, body) => {
      asked += 1;
      (asked === 1 ? first : sends(200, TYPED, MANIFEST))(request, response, body);
    });
    assert.equal((await registry.getManifest('a', 'latest'))?.digest, DIGEST);
  }
  const { registry, seen } = await registryThat(sends(503, {}));
  await fails(registry.getManifest('a', 'latest'), 'registry_unavailable');
  assert.equal(seen.seen.length, 3);
});

test('a rest that the registry asks for is kept', async () => {
  const asked: number[] = [];
  const { registry } = await registryThat((request, response, body) => {
    asked.push(performance.now());
    (asked.length === 1 ? sends(503, { 'retry-after': '1' }) : sends(200, TYPED, MANIFEST))(request, response, body);
  });
  await registry.getManifest('a', 'latest');
  assert.ok((asked[1] ?? 0) - (asked[0] ?? 0) >= 990, asked.join(' '));
});

test('a server that answers and never reads the rest of the request keeps no connection', async () => {
  const living = new Set<Socket>();
  const server = createServer((socket) => {
    living.add(socket);
    socket.on('error', () => undefined).on('close', () => living.delete(socket));
    socket.once('data', () => {
      socket.pause();
      socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const registry = openRegistry({ name: 'early', url, credentials: { kind: 'none' }, timeoutMs: 5_000 });
  opened.push(registry);
  const tooMuch = Buffer.alloc(16_000_000);
  for (let round = 0; round < 2; round += 1) {
    const put = registry.putManifest('a', 'latest', MEDIA_TYPE.ociManifest, tooMuch);
    assert.match((await fails(put, 'internal')).message, /413/);
  }
  // A socket that is not read does not hear of its end.
  for (const socket of living) socket.resume();
  await until('both connections were given up', () => living.size === 0, 5_000).finally(() => {
    for (const socket of living) socket.destroy();
    server.close();
  });
});

test('what comes on a kept connection and is no answer is not taken for one', async () => {
  for (const says of ['garbage\r\n', 'HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\n\r\n']) {
    const counts = new Map<Socket, number>();
    const { registry } = await registryThat((request, response) => {
      const count = (counts.get(request.socket) ?? 0) + 1;
      counts.set(request.socket, count);
      if (count > 1) request.socket.end(says);
      else response.writeHead(200, TYPED).end(MANIFEST);
    });
    for (let round = 0; round < 3; round += 1)
      assert.equal((await registry.getManifest('a', 'tag'))?.digest, DIGEST, says);
    assert.ok(counts.size > 1);
  }
});

test('an upload that the registry has forgotten is begun again, a few times', async () => {
  let begun = 0;
  const { registry } = await registryThat((request, response) => {
    if (request.method === 'POST') {
      begun += 1;
      response.writeHead(202, { location: `/v2/a/blobs/uploads/${begun}` }).end();
    } else if (request.url?.startsWith('/v2/a/blobs/uploads/2') === true) response.writeHead(201).end();
    else response.writeHead(404).end('{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}');
  });
  assert.equal(await registry.putBlob('a', Buffer.from('x')), digestOf('x'));
  const forgetful = await registryThat((request, response) => {
    if (request.method === 'POST') response.writeHead(202, { location: '/v2/a/blobs/uploads/1' }).end();
    else response.writeHead(404).end('{"errors":[{"code":"BLOB_UPLOAD_INVALID"}]}');
  });
  const fault = await fails(forgetful.registry.putBlob('a', Buffer.from('x')), 'registry_unavailable');
  assert.ok(fault.transient);
  assert.equal(forgetful.seen.seen.filter((line) => line.startsWith('POST')).length, 3);
});

/** A registry that answers so for one reference, and is well or ill beside. */
const halfWritten =
  (status: number, tags: string, absent: number, reference = 'half'): Answering =>
  (request, response) => {
    const { url = '' } = request;
    if (url.endsWith('/tags/list')) response.writeHead(200).end(tags);
    else response.writeHead(url.endsWith(`/${reference}`) ? status : absent).end();
  };

test('a tag that is listed and gives a fault each time stands for nothing, where all else is well', async () => {
  const { registry, seen } = await registryThat(halfWritten(500, '{"tags":["half"]}', 404));
  assert.equal(await registry.head('a', 'half'), null);
  assert.equal(seen.seen.filter((line) => line.endsWith('/manifests/half')).length, 2);
  assert.equal(await registry.getManifest('a', 'half'), null);
  await fails(registry.putManifest('a', 'half', MEDIA_TYPE.ociManifest, Buffer.from(MANIFEST)), 'registry_unavailable');
});

test('a registry that is ill keeps its tags', async () => {
  for (const [status, tags, absent] of [
    [502, '{"tags":["half"]}', 404],
    [503, '{"tags":["half"]}', 404],
    [500, '{"tags":["other"]}', 404],
    [500, '{"tags":["half"]}', 500],
    [500, '{"tags":["half"]}', 401],
    [500, 'not json', 404],
  ] as const) {
    const { registry } = await registryThat(halfWritten(status, tags, absent));
    await fails(registry.head('a', 'half'), 'registry_unavailable');
    await fails(registry.getManifest('a', 'half'), 'registry_unavailable');
  }
});

test('a manifest that gives a fault each time is no tag', async () => {
  const { registry } = await registryThat(halfWritten(500, `{"tags":["${DIGEST}"]}`, 404, DIGEST));
  await fails(registry.head('a', DIGEST), 'registry_unavailable');
  await fails(registry.getManifest('a', DIGEST), 'registry_unavailable');
});

const cutOff: Answering = (request) => void request.socket.destroy();

test('kept connections that are all dead, as after a restart of the registry, fail nothing', async () => {
  const seenOn = new Map<Socket, number>();
  const { registry } = await registryThat((request, response) => {
    const count = (seenOn.get(request.socket) ?? 0) + 1;
    seenOn.set(request.socket, count);
    // Answers each connection's first request, and breaks it off at its second.
    if (count > 1) request.socket.destroy();
    else setTimeout(() => response.writeHead(200, TYPED).end(MANIFEST), 50);
  });
  await Promise.all(Array.from({ length: 4 }, () => registry.getManifest('a', 'tag')));
  assert.equal(seenOn.size, 4);

  assert.equal((await registry.getManifest('a', 'tag'))?.digest, DIGEST);
});

test('a registry without room says so as disk_full', async () => {
  const { registry } = await registryThat(
    sends(500, {}, '{"errors":[{"code":"UNKNOWN","message":"write: no space left on device"}]}'),
  );
  const fault = await fails(registry.putBlob('a', Buffer.from('x')), 'disk_full');
  assert.ok(fault.transient);
});

test('what is not HTTP, and nobody at all, are told apart', async () => {
  const { registry } = await registryThat((request) => void request.socket.end('220 smtp.example.org ESMTP\r\n'));
  const stranger = await fails(registry.ping(), 'registry_unavailable');
  assert.equal(stranger.message, 'The registry hostile gave an answer that is not HTTP.');
  const closed = await fake(sends(200, {}));
  await closed.stop();
  const away = openRegistry({ name: 'away', url: closed.url, credentials: { kind: 'none' } });
  opened.push(away);
  const fault = await fails(away.ping(), 'registry_unavailable');
  assert.equal(fault.message, 'The registry away refuses connections.');
});

test('a web server that is no registry does not pass for one', async () => {
  const { registry } = await registryThat(sends(404, {}, '<html>'));
  await fails(registry.ping(), 'internal');
});

test('names that would change the path never reach the registry', async () => {
  const { registry, seen } = await registryThat(sends(200, {}));
  await fails(registry.head('../secret', 'latest'), 'internal');
  await fails(registry.head('a', '../../b'), 'internal');
  await fails(registry.hasBlob('a', 'sha256:../x' as never), 'internal');
  await fails(registry.mountBlob('a', DIGEST, 'b?x=y'), 'internal');
  await fails(registry.deleteTag('a', DIGEST), 'internal');
  assert.deepEqual(seen.seen, []);
});

test('a 401 that names no usable way in, or wants what we have not, is registry_denied', async () => {
  for (const challenge of ['Negotiate', 'Basic realm="x"']) {
    const { registry } = await registryThat(sends(401, { 'www-authenticate': challenge }));
    await fails(registry.head('a', 'latest'), 'registry_denied');
  }
});

test('token services that answer nonsense are refused', async () => {
  for (const [status, body, code] of [
    [200, 'not json', 'internal'],
    [200, '{}', 'internal'],
    [200, '{"token":"a\\r\\nX-Evil: 1"}', 'internal'],
    [200, '{"token":7}', 'internal'],
    [302, '', 'internal'],
    [401, '', 'registry_denied'],
    [403, '', 'registry_denied'],
    [500, '', 'registry_unavailable'],
  ] as const) {
    const tokens = await fake(sends(status, {}, body));
    const { registry } = await registryThat(
      sends(401, { 'www-authenticate': `Bearer realm="${tokens.url}/token",service="x"` }),
    );
    await fails(registry.head('a', 'latest'), code);
  }
});

/** A folder with docker's config file, with a login for one host. */
async function dockerConfigFor(host: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-docker-config-'));
  folders.push(folder);
  const auth = Buffer.from('ann:secret').toString('base64');
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
  return folder;
}
