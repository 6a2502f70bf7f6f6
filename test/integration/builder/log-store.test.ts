import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { openBuildLogs } from '../../../src/builder/adapters/log-store.js';
import type { BuildLog } from '../../../src/builder/ports.js';
import { type Digest, digestOf, isDigest } from '../../../src/kernel/digest.js';
import { isJsonObject, type JsonObject } from '../../../src/kernel/json.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { MEDIA_TYPE, openRegistry, type Registry } from '../../../src/registry/index.js';
import { startFakeRegistry } from '../../support/fake-registry.js';
import { requireRegistry } from '../../support/services.js';

const service = requireRegistry();
const BUILD = '6f1c1f0e-8f6c-5b6b-9a53-2f6a0f7f9d11';
const MAX = 1_000_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layerwright-logs-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function registryAt(url: string): Registry {
  return openRegistry({ name: 'candidate', url, credentials: { kind: 'none' } });
}

/** Ends a log without a registry. */
async function endAlone(log: BuildLog): Promise<void> {
  const registry = registryAt('http://127.0.0.1:1');
  assert.equal(await log.finish({ registry, repository: 'logs', subject: null }), null);
  await registry.close();
}

describe('the log of a build', () => {
  test('is a file whose lines are plain text, and stays when the registry is away', async () => {
    const log = await openBuildLogs(folder).open(BUILD, 2, MAX, () => undefined);
    for (const line of ['one', '\u001b[91mred\u001b[0m\u0007', 'tab\tkept', 'two\nin one']) log.line(line);
    await endAlone(log);
    const text = await readFile(join(folder, `${BUILD}.2.log`), 'utf8');
    assert.equal(text, 'one\nred\ntab\tkept\ntwo\nin one\n');
    assert.equal(log.tail(), text.trimEnd());
  });

  test('is live: the first line at once, the rest by the clock, all of it at the end, numbered', async () => {
    const batches: { first: number; lines: readonly string[]; at: number }[] = [];
    const log = await openBuildLogs(folder).open(BUILD, 1, MAX, (first, lines) => {
      batches.push({ first, lines, at: performance.now() });
    });
    log.line('0');
    assert.deepEqual(
      batches.map(({ lines }) => lines),
      [['0']],
    );
    const until = performance.now() + 450;
    let next = 1;
    while (performance.now() < until) {
      log.line(String(next++));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(batches.length >= 3 && batches.length <= 6, `${batches.length} batches in 450 ms`);
    await endAlone(log);
    const all = batches.flatMap(({ first, lines }) => lines.map((line, index) => [String(first + index), line]));
    assert.equal(all.length, next);
    assert.ok(all.every(([number, line]) => number === line));
  });

  test('a flood is bounded, keeps its numbers, and is whole in the file', async () => {
    const numbers: number[] = [];
    let largest = 0;
    const log = await openBuildLogs(folder).open(BUILD, 1, 20_000_000, (first, lines) => {
      largest = Math.max(largest, Buffer.byteLength(JSON.stringify(lines)));
      for (const [index, line] of lines.entries()) {
        assert.ok(line.startsWith(`${first + index} `), `line ${first + index} is ${line.slice(0, 20)}`);
        numbers.push(first + index);
      }
    });
    for (let number = 0; number < 100_000; number++) log.line(`${number} ${'x'.repeat(90)}`);
    await endAlone(log);
    assert.ok(largest < 500_000, `${largest} bytes in a batch`);
    assert.equal(numbers.at(-1), 99_999);
    assert.ok(numbers.length < 100_000);
    const text = await readFile(join(folder, `${BUILD}.1.log`), 'utf8');
    assert.equal(text.trimEnd().split('\n').length, 100_000);
  });

  test('what is over the limit is counted and not kept, and one line says so', async () => {
    const log = await openBuildLogs(folder).open(BUILD, 1, 100, () => undefined);
    for (let number = 0; number < 1_000; number++) log.line('0123456789');
    await endAlone(log);
    const lines = (await readFile(join(folder, `${BUILD}.1.log`), 'utf8')).trimEnd().split('\n');
    assert.equal(lines.length, 10);
    assert.match(lines.at(-1) ?? '', /over 100 bytes/);
    assert.equal(log.bytes, 11_000);
  });

  test('goes on without its file when that cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    const faults: string[] = [];
    const seen: string[] = [];
    const logs = openBuildLogs(join(folder, 'file'), { onFault: (path) => faults.push(path) });
    const log = await logs.open(BUILD, 1, MAX, (_, lines) => seen.push(...lines));
    log.line('said');
    await endAlone(log);
    assert.ok(faults.length > 0);
    assert.deepEqual(seen, ['said']);
    assert.equal(log.tail(), 'said');
  });

  test('a registry that refuses the log is an error, and the file stays', async () => {
    const fake = await startFakeRegistry((_, response) => response.writeHead(403).end());
    const registry = registryAt(fake.url);
    const log = await openBuildLogs(folder).open(BUILD, 1, MAX, () => undefined);
    log.line('said');
    try {
      await assert.rejects(log.finish({ registry, repository: 'logs', subject: null }), { code: 'registry_denied' });
      assert.equal(await readFile(join(folder, `${BUILD}.1.log`), 'utf8'), 'said\n');
    } finally {
      await registry.close();
      await fake.stop();
    }
  });
});

describe("a log's artifact", { skip: service.skip }, () => {
  const repository = `log-test/p${process.pid}`;
  const open = async (run: (registry: Registry) => Promise<void>): Promise<void> => {
    const registry = registryAt(service.url);
    try {
      await run(registry);
    } finally {
      await registry.close();
    }
  };
  const manifestOf = async (registry: Registry, reference: string): Promise<JsonObject> => {
    const manifest = await registry.getManifest(repository, reference);
    assert.ok(manifest);
    assert.equal(manifest.mediaType, MEDIA_TYPE.ociManifest);
    const parsed: unknown = JSON.parse(manifest.bytes.toString());
    assert.ok(isJsonObject(parsed));
    return parsed;
  };

  test('is found by tag and by digest, and unpacks to the lines', async () => {
    await open(async (registry) => {
      const log = await openBuildLogs(folder).open(BUILD, 1, MAX, () => undefined);
      for (const line of ['one', 'zwei', 'três']) log.line(line);
      const digest = await log.finish({ registry, repository, subject: null });
      assert.ok(digest !== null && isDigest(digest));
      const head = await registry.head(repository, `log-${BUILD}.1`);
      assert.equal(head?.digest, digest);
      const manifest = await manifestOf(registry, digest);
      assert.equal(manifest['artifactType'], 'application/vnd.layerwright.build.log.v1+gzip');
      assert.equal(manifest['subject'], undefined);
      const layer = Array.isArray(manifest['layers']) ? manifest['layers'][0] : null;
      const blob = await registry.getBlob(repository, layer.digest as Digest, MAX);
      assert.equal(blob && gunzipSync(blob).toString(), 'one\nzwei\ntrês\n');
    });
  });

  test('names the image that the log is of', async () => {
    await open(async (registry) => {
      const subject = { digest: digestOf('an image'), mediaType: MEDIA_TYPE.dockerManifest, size: 8 };
      const log = await openBuildLogs(folder).open(BUILD, 3, MAX, () => undefined);
      const digest = await log.finish({ registry, repository, subject });
      assert.ok(digest);
      assert.deepEqual((await manifestOf(registry, digest))['subject'], { ...subject });
    });
  });

  test('has its config asked for once a repository, and put again when the registry has lost it', async () => {
    await open(async (real) => {
      const asked: string[] = [];
      let lost = false;
      const registry: Registry = {
        ...real,
        hasBlob: (...args) => {
          asked.push('has');
          return real.hasBlob(...args);
        },
        putManifest: async (...args) => {
          asked.push('put');
          if (!lost) return real.putManifest(...args);
          lost = false;
          throw new ServiceError('internal', 'The registry candidate refused a PUT with status 400.');
        },
      };
      const logs = openBuildLogs(folder);
      const push = async (attempt: number): Promise<string> => {
        asked.length = 0;
        const log = await logs.open(BUILD, attempt, MAX, () => undefined);
        log.line('said');
        assert.ok(await log.finish({ registry, repository, subject: null }));
        return asked.join(' ');
      };
      assert.equal(await push(5), 'has put');
      assert.equal(await push(6), 'put');
      lost = true;
      assert.equal(await push(7), 'put has put');
    });
  });

  test('is the same for the same lines, and ending twice is harmless', async () => {
    await open(async (registry) => {
      const digests: (Digest | null)[] = [];
      for (const _ of [1, 2]) {
        const log = await openBuildLogs(folder).open(BUILD, 4, MAX, () => undefined);
        log.line('same');
        digests.push(await log.finish({ registry, repository, subject: null }));
        log.line('too late');
        digests.push(await log.finish({ registry, repository, subject: null }));
      }
      assert.equal(new Set(digests).size, 1);
    });
  });
});
