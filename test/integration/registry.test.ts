import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { request as forward } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { freePort } from '../../scripts/lib/services.mjs';
import { digestOf } from '../../src/kernel/digest.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import { MEDIA_TYPE, openRegistry, type Registry, type RegistryCredentials } from '../../src/registry/index.js';
import { pause } from '../../src/runtime/clock.js';
import { type FakeRegistry, startFakeRegistry } from '../support/fake-registry.js';
import { startOwnRegistry } from '../support/own-registry.js';
import { firstSkip, requireRegistryProgram } from '../support/services.js';

const program = requireRegistryProgram();
const skip = firstSkip(program);
/** ann / secret, with bcrypt at its lowest cost (the only hash that the registry takes). */
const HTPASSWD = 'ann:$2b$04$BEfgBjwpDbXGh51kI.u1Pe52uNNjqPEHfSBmnwCNjChPJmLSB3WlK\n';
const START_TIMEOUT_MS = 20_000;

interface RealRegistry {
  readonly url: string;
  readonly folder: string;
  stop(): Promise<void>;
}

async function startRegistry(options: {
  readonly htpasswd?: boolean;
  readonly deletes?: boolean;
}): Promise<RealRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-registry-'));
  const port = await freePort();
  const htpasswd = join(folder, 'htpasswd');
  await writeFile(htpasswd, HTPASSWD);
  const config = {
    version: '0.1',
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: options.deletes ?? false } },
    http: { addr: `127.0.0.1:${port}` },
    ...(options.htpasswd ? { auth: { htpasswd: { realm: 'test', path: htpasswd } } } : {}),
  };
  // JSON is YAML.
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config));
  const child: ChildProcess = spawn(program.url, ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await answers(url))) {
    if (performance.now() > deadline) throw new Error('the registry did not start');
    await pause(50);
  }
  return {
    url,
    folder,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

function answers(url: string): Promise<boolean> {
  return fetch(`${url}/v2/`).then(
    () => true,
    () => false,
  );
}

function open(url: string, credentials: RegistryCredentials = { kind: 'none' }): Registry {
  return openRegistry({ name: 'real', url, credentials, timeoutMs: 10_000 });
}

const deniedError = (error: unknown): boolean => error instanceof ServiceError && error.code === 'registry_denied';

/** An image of an empty config and one layer; gives the manifest's bytes. */
async function pushImage(registry: Registry, repository: string, tag: string, layer: string): Promise<Buffer> {
  const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
  const layerBytes = Buffer.from(layer);
  const [configDigest, layerDigest] = [
    await registry.putBlob(repository, config),
    await registry.putBlob(repository, layerBytes),
  ];
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: configDigest, size: config.length },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layerDigest, size: layerBytes.length }],
    }),
  );
  await registry.putManifest(repository, tag, MEDIA_TYPE.ociManifest, manifest);
  return manifest;
}

suite('the distribution registry', { skip }, () => {
  let real: RealRegistry;
  let registry: Registry;
  before(async () => {
    real = await startRegistry({ deletes: true });
    registry = open(real.url);
  });
  after(async () => {
    await registry.close();
    await real.stop();
  });

  test('a pushed image is found by tag and by digest, with its own bytes', async () => {
    const manifest = await pushImage(registry, 'f41/httpd', '2.4-1.f41', 'layer');
    const digest = digestOf(manifest);
    const descriptor = { mediaType: MEDIA_TYPE.ociManifest, digest, size: manifest.length };
    assert.deepEqual(await registry.head('f41/httpd', '2.4-1.f41'), descriptor);
    assert.deepEqual(await registry.head('f41/httpd', digest), descriptor);
    assert.deepEqual(await registry.getManifest('f41/httpd', digest), {
      digest,
      mediaType: MEDIA_TYPE.ociManifest,
      bytes: manifest,
    });
  });

  test('what is not there is null, false or empty', async () => {
    const absent = digestOf('absent');
    assert.equal(await registry.head('nobody/nothing', 'latest'), null);
    assert.equal(await registry.getManifest('nobody/nothing', absent), null);
    assert.equal(await registry.hasBlob('nobody/nothing', absent), false);
    assert.equal(await registry.getBlob('nobody/nothing', absent, 10), null);
    assert.equal(await registry.streamBlob('nobody/nothing', absent), null);
    assert.deepEqual(await registry.tags('nobody/nothing'), []);
  });

  test('a blob of megabytes comes back whole, at once and as a stream', async () => {
    const bytes = Buffer.alloc(3_000_000, 'layerwright');
    const digest = await registry.putBlob('blobs', bytes);
    assert.equal(digest, digestOf(bytes));
    assert.ok(await registry.hasBlob('blobs', digest));
    assert.ok((await registry.getBlob('blobs', digest, bytes.length))?.equals(bytes));
    const stream = await registry.streamBlob('blobs', digest);
    assert.ok(stream && (await buffer(stream)).equals(bytes));
    await assert.rejects(registry.getBlob('blobs', digest, bytes.length - 1), ServiceError);
  });

  test('a blob is mounted from one repository into another, and only when it is there', async () => {
    const digest = await registry.putBlob('mount/from', Buffer.from('shared layer'));
    assert.equal(await registry.hasBlob('mount/to', digest), false);
    assert.equal(await registry.mountBlob('mount/to', digest, 'mount/from'), true);
    assert.equal(await registry.hasBlob('mount/to', digest), true);
    assert.equal(await registry.mountBlob('mount/to', digestOf('absent'), 'mount/from'), false);
  });

  test('a manifest put by its own digest needs no tag; a tag moves by a second put', async () => {
    const manifest = await pushImage(registry, 'moving', 'one', 'first');
    const digest = digestOf(manifest);
    await registry.putManifest('moving', digest, MEDIA_TYPE.ociManifest, manifest);
    await registry.putManifest('moving', 'latest', MEDIA_TYPE.ociManifest, manifest);
    const second = await pushImage(registry, 'moving', 'latest', 'second');
    assert.equal((await registry.head('moving', 'latest'))?.digest, digestOf(second));
    assert.equal((await registry.head('moving', 'one'))?.digest, digest);
    assert.deepEqual(await registry.tags('moving'), ['latest', 'one']);
    await assert.rejects(registry.putManifest('moving', digest, MEDIA_TYPE.ociManifest, second), ServiceError);
  });

  test('a manifest whose layers are not there is refused', async () => {
    const manifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf('no'), size: 2 },
      layers: [],
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    await assert.rejects(registry.putManifest('lame', 'x', MEDIA_TYPE.ociManifest, bytes), (error: ServiceError) => {
      assert.equal(error.code, 'internal');
      assert.match(error.detail, /MANIFEST_BLOB_UNKNOWN|blob unknown/);
      return true;
    });
  });

  test('repositories are listed, and the registry answers a ping without a login', async () => {
    await pushImage(registry, 'listed', 'latest', 'x');
    assert.ok((await registry.repositories())?.includes('listed'));
    await registry.ping();
    assert.equal(await registry.login(), null);
    assert.equal(`http://${registry.host}`, real.url);
  });

  test('this registry can’t take one tag away, and its siblings stay', async () => {
    const manifest = await pushImage(registry, 'tagged', 'one', 'x');
    await registry.putManifest('tagged', 'two', MEDIA_TYPE.ociManifest, manifest);
    assert.equal(await registry.deleteTag('tagged', 'one'), false);
    assert.deepEqual(await registry.tags('tagged'), ['one', 'two']);
  });

  test('a manifest goes with all of its tags, once and again, and its neighbours stay', async () => {
    const manifest = await pushImage(registry, 'retired', 'one', 'x');
    await registry.putManifest('retired', 'two', MEDIA_TYPE.ociManifest, manifest);
    await pushImage(registry, 'retired', 'other', 'y');
    assert.equal(await registry.deleteManifest('retired', digestOf(manifest)), true);
    assert.equal(await registry.deleteManifest('retired', digestOf(manifest)), true);
    assert.deepEqual(await registry.tags('retired'), ['other']);
  });

  test('a tag whose writing was cut stands for nothing, and is made by the next put', async () => {
    const manifest = await pushImage(registry, 'cut', 'half', 'x');
    const digest = digestOf(manifest);
    await registry.putManifest('cut', 'whole', MEDIA_TYPE.ociManifest, manifest);
    const link = 'data/docker/registry/v2/repositories/cut/_manifests/tags/half/current/link';
    for (const bytes of [0, 30]) {
      await truncate(join(real.folder, link), bytes);
      const raw = await fetch(`${real.url}/v2/cut/manifests/half`);
      assert.equal(raw.status, 500, 'what this is about');
      assert.deepEqual(await registry.tags('cut'), ['half', 'whole']);

      assert.equal(await registry.head('cut', 'half'), null);
      assert.equal(await registry.getManifest('cut', 'half'), null);
      assert.equal((await registry.head('cut', 'whole'))?.digest, digest);
      assert.equal(await registry.putManifest('cut', 'half', MEDIA_TYPE.ociManifest, manifest), digest);
      assert.equal((await registry.getManifest('cut', 'half'))?.digest, digest);
    }
  });

  test('fifty requests at once keep their answers apart', async () => {
    const texts = Array.from({ length: 50 }, (_, index) => `blob ${index}`);
    const digests = await Promise.all(texts.map((text) => registry.putBlob('many', Buffer.from(text))));
    const back = await Promise.all(digests.map((digest) => registry.getBlob('many', digest, 100)));
    assert.deepEqual(back.map(String), texts);
  });
});

suite('the distribution registry with user and password', { skip }, () => {
  let real: RealRegistry;
  let userFile = '';
  let passwordFile = '';
  before(async () => {
    real = await startRegistry({ htpasswd: true });
    [userFile, passwordFile] = [join(real.folder, 'user'), join(real.folder, 'password')];
    await writeFile(userFile, 'ann\n');
    await writeFile(passwordFile, 'secret\n');
  });
  after(() => real.stop());

  test('without a login it is registry_denied, with one everything works', async () => {
    const stranger = open(real.url);
    await assert.rejects(stranger.ping(), deniedError);
    await assert.rejects(stranger.head('a', 'latest'), deniedError);
    assert.equal(await stranger.repositories(), null);
    const ann = open(real.url, { kind: 'files', userFile, passwordFile });
    const manifest = await pushImage(ann, 'private', 'latest', 'layer');
    assert.equal((await ann.head('private', 'latest'))?.digest, digestOf(manifest));
    assert.deepEqual(await ann.login(), { username: 'ann', password: 'secret' });
    await Promise.all([stranger.close(), ann.close()]);
  });

  test('a password that was rotated is read anew when the old one is refused', async () => {
    const ann = open(real.url, { kind: 'files', userFile, passwordFile });
    await writeFile(passwordFile, 'wrong');
    await assert.rejects(ann.ping(), deniedError);
    await writeFile(passwordFile, 'secret');
    await ann.ping();
    await ann.close();
  });
});

suite('a registry behind a token service', { skip }, () => {
  let real: RealRegistry;
  let tokens: FakeRegistry;
  let front: FakeRegistry;
  /** What each issued token allows. */
  const issued = new Map<string, readonly string[]>();
  let life = 300;
  before(async () => {
    real = await startRegistry({});
    tokens = await startFakeRegistry((request, response) => {
      const scopes = new URL(request.url ?? '', 'http://x').searchParams.getAll('scope');
      const known = request.headers.authorization === `Basic ${Buffer.from('ann:secret').toString('base64')}`;
      const token = `token-${issued.size + 1}`;
      issued.set(token, known ? scopes : scopes.filter((scope) => scope.endsWith(':pull')));
      response.end(JSON.stringify({ token, expires_in: life }));
    });
    front = await startFakeRegistry((request, response, body) => {
      const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
      const repository = /^\/v2\/(.+?)\/(?:blobs|manifests|tags)\//.exec(request.url ?? '')?.[1];
      const writes = request.method !== 'GET' && request.method !== 'HEAD';
      const wanted = `repository:${repository}:pull${writes ? ',push' : ''}`;
      if (!issued.get(token)?.some((scope) => scope.startsWith(wanted))) {
        const challenge = `Bearer realm="${tokens.url}/token",service="test",scope="${wanted}"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
        return;
      }
      const onwards = forward(
        `${real.url}${request.url}`,
        { method: request.method, headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        },
      );
      onwards.end(body);
    });
  });
  after(async () => {
    await Promise.all([front.stop(), tokens.stop()]);
    await real.stop();
  });

  async function ann(): Promise<Registry> {
    const [userFile, passwordFile] = [join(real.folder, 'user'), join(real.folder, 'password')];
    await writeFile(userFile, 'ann');
    await writeFile(passwordFile, 'secret');
    return open(front.url, { kind: 'files', userFile, passwordFile });
  }

  test('one token does for many requests to one repository, also at once', async () => {
    const registry = await ann();
    const stranger = open(front.url);
    const first = tokens.seen.length;
    await Promise.all(Array.from({ length: 10 }, () => stranger.head('own', 'latest')));
    assert.equal(tokens.seen.length - first, 1);
    await stranger.close();
    const before = tokens.seen.length;
    const manifest = await pushImage(registry, 'own', 'latest', 'layer');
    await Promise.all(Array.from({ length: 10 }, () => registry.head('own', 'latest')));
    assert.equal((await registry.getManifest('own', 'latest'))?.digest, digestOf(manifest));
    assert.equal(tokens.seen.length - before, 1);
    assert.ok(tokens.authorizations.slice(before).every((header) => header.startsWith('Basic ')));
    assert.ok(
      front.authorizations.every((header) => !header.startsWith('Basic ')),
      'the password goes to the token service only',
    );
    await registry.close();
  });

  test('a mount asks for both repositories', async () => {
    const registry = await ann();
    const digest = await registry.putBlob('from', Buffer.from('x'));
    assert.equal(await registry.mountBlob('to', digest, 'from'), true);
    assert.match(decodeURIComponent(tokens.seen.at(-1) ?? ''), /repository:from:pull/);
    await registry.close();
  });

  test('a token that ended, or was withdrawn, is asked for anew', async () => {
    const registry = await ann();
    assert.equal(await registry.head('ended', 'latest'), null);
    issued.clear();
    assert.equal(await registry.head('ended', 'latest'), null);
    life = 1;
    assert.equal(await registry.head('short', 'latest'), null);
    const before = tokens.seen.length;
    const deadline = performance.now() + 5_000;
    while (tokens.seen.length === before && performance.now() < deadline) {
      await registry.head('short', 'latest');
      await pause(100);
    }
    assert.equal(tokens.seen.length, before + 1);
    life = 300;
    await registry.close();
  });

  test('a stranger may pull where the token service lets him, and is denied a push', async () => {
    const stranger = open(front.url);
    assert.equal(await stranger.head('own', 'absent'), null);
    await assert.rejects(stranger.putBlob('own', Buffer.from('x')), deniedError);
    await stranger.close();
  });
});

suite('a registry that goes away', { skip }, () => {
  test('an upload that a restart fell into is begun again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'layerwright-registry-'));
    const own = await startOwnRegistry(folder);
    let restarts = 0;
    const restartOnce = async (): Promise<void> => {
      if (restarts > 0) return;
      restarts += 1;
      await own.kill();
      await own.start();
    };
    const front = await startFakeRegistry((asked, response, body) => {
      const pass = (): void => {
        const options = { method: asked.method, headers: asked.headers };
        const onwards = forward(`${own.url}${asked.url}`, options, (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        });
        onwards.end(body);
      };
      if (asked.method === 'PUT') void restartOnce().then(pass);
      else pass();
    });
    const registry = open(front.url);
    assert.equal(await registry.putBlob('restarted', Buffer.from('x')), digestOf('x'));
    assert.equal(front.seen.filter((line) => line.startsWith('POST')).length, 2);
    assert.ok(await registry.hasBlob('restarted', digestOf('x')));
    await registry.close();
    await front.stop();
    await own.stop();
    await rm(folder, { recursive: true });
  });

  test('it is registry_unavailable while it is away', async () => {
    const real = await startRegistry({});
    const registry = open(real.url);
    await registry.ping();
    await real.stop();
    await assert.rejects(registry.ping(), (error: ServiceError) => {
      assert.deepEqual([error.code, error.transient], ['registry_unavailable', true]);
      return true;
    });
    await registry.close();
  });
});
