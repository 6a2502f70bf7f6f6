import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { wantedServices } from '../../../scripts/lib/wanted-services.mjs';

const door = fileURLToPath(new URL('../../support/services.ts', import.meta.url));

describe('the services that test files want', () => {
  let root = '';
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'layerwright-wanted-'));
    await mkdir(join(root, 'test/support'), { recursive: true });
    await cp(door, join(root, 'test/support/services.ts'));
    await writeFile(join(root, 'test/support/vhost.ts'), "import { requireAmqp } from './services.js';\n");
    await writeFile(join(root, 'test/none.test.ts'), "import { latch } from './support/services.js';\n");
    await writeFile(join(root, 'test/far.test.ts'), "import { makeVhost } from './support/vhost.js';\n");
    await writeFile(join(root, 'test/near.test.ts'), 'const nats = requireNatsServer();\n');
    await writeFile(join(root, 'test/daemon.test.ts'), 'const daemon = requireDaemon();\n');
    await writeFile(join(root, 'test/variable.test.ts'), 'process.env.LAYERWRIGHT_TEST_PIKA\n');
  });
  after(() => rm(root, { recursive: true, force: true }));

  const wanted = (...names: string[]): string[] =>
    [
      ...wantedServices(
        names.map((name) => `test/${name}.test.ts`),
        root,
      ),
    ].sort();

  test('are none for a file that names none, though it imports the door', () => {
    assert.deepEqual(wanted('none'), []);
  });

  test('are those that the file and what it imports name', () => {
    assert.deepEqual(wanted('far', 'near', 'variable'), ['AMQP', 'NATS_SERVER', 'PIKA']);
  });

  test('bring what they stand on', () => {
    assert.deepEqual(wanted('daemon'), ['DAEMON', 'ENGINE', 'REGISTRY']);
  });
});
