import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { openEngine } from '../../../src/builder/adapters/docker-engine.js';
import type { Engine } from '../../../src/builder/ports.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { pause } from '../../../src/runtime/clock.js';
import { endChild } from '../../support/end-child.js';
import { clearDaemon, containerdEnded, daemonArguments } from '../../support/engine-daemon.js';
import { startFakeRegistry } from '../../support/fake-registry.js';
import { firstSkip, requireBusybox, requireDaemon, requireEngine } from '../../support/services.js';
import { contextOf, leftovers, makeParent, onlooker, requestOf } from './engine-fixture.js';

const NEVER = new AbortController().signal;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layerwright-engine-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function away(promise: Promise<unknown>, reason: RegExp): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.equal(error.code, 'engine_unavailable', error.message);
    assert.equal(error.transient, true);
    assert.match(error.message, reason);
    return true;
  });
}

/** Does something with an engine that is closed afterwards. */
async function withEngine(host: string, body: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = openEngine({ host });
  try {
    await body(engine);
  } finally {
    await engine.close();
  }
}

describe('an engine that is away', () => {
  test('by its socket: every request says so', async () => {
    await withEngine(`unix://${folder}/none.sock`, async (engine) => {
      const reason = /none\.sock is away: there is no such socket\.$/;
      await away(engine.info(), reason);
      await away(engine.build(requestOf('FROM scratch', 'x:1'), NEVER), reason);
      await away(engine.push('x:1', null, NEVER), reason);
      await away(engine.removeReference('x:1'), reason);
      await away(engine.keepAsCache('x:1', 'x:cache'), reason);
      await away(engine.cleanUp('x'), reason);
    });
  });

  test('by its port', async () => {
    await withEngine('tcp://127.0.0.1:1', (engine) => away(engine.info(), /nothing listens there/));
  });

  test('an address that is none is refused at once', () => {
    for (const host of ['ssh://user@host', 'unix://', '/var/run/docker.sock', ''])
      assert.throws(() => openEngine({ host }), { code: 'config_invalid' });
  });

  test('DOCKER_HOST does not change where a configured engine is', async () => {
    const before = process.env['DOCKER_HOST'];
    process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
    try {
      await withEngine(`unix://${folder}/none.sock`, (engine) => away(engine.info(), /no such socket/));
    } finally {
      if (before === undefined) delete process.env['DOCKER_HOST'];
      else process.env['DOCKER_HOST'] = before;
    }
  });
});

describe('an engine that misbehaves', () => {
  const open: Socket[] = [];
  let server: Server;
  /** A server on a socket that does this with each request. */
  const serve = async (answer: (socket: Socket, request: string) => void): Promise<string> => {
    server = createServer((socket) => {
      open.push(socket);
      socket.on('error', () => undefined).on('data', (data) => answer(socket, data.toString()));
    });
    server.listen(join(folder, 'fake.sock'));
    await once(server, 'listening');
    return `unix://${folder}/fake.sock`;
  };
  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy();
    server.close();
  });
  const isEvents = (request: string): boolean => request.includes('/events');
  /** What is asked of an engine before anything else: its version and its means. */
  const isInquiry = (request: string): boolean => /\/(?:version|info)\b/.test(request);
  const NOTHING =
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}';
  const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

  test('that never answers is left when the signal says so', async () => {
    const host = await serve(() => undefined);
    await withEngine(host, async (engine) => {
      await assert.rejects(engine.build(requestOf('FROM scratch', 'x:1'), AbortSignal.timeout(100)), {
        name: 'TimeoutError',
      });
      await assert.rejects(engine.push('x:1', null, AbortSignal.timeout(100)), { name: 'TimeoutError' });
    });
  });

  test('that is closed by us ends what was asked', async () => {
    const host = await serve(() => undefined);
    const engine = openEngine({ host });
    const asked = away(engine.info(), /closed/);
    await engine.close();
    await asked;
  });

  test('that cuts its answer off is away', async () => {
    const host = await serve((socket, request) => {
      if (isEvents(request)) socket.write(CHUNKED);
      else if (isInquiry(request)) socket.end(NOTHING);
      else socket.end(`${CHUNKED}1a\r\n{"stream":"Step 1/1 : FROM`);
    });
    await withEngine(host, async (engine) => {
      await away(engine.build(requestOf('FROM scratch', 'x:1'), NEVER), /broke the connection off/);
      await away(engine.push('x:1', null, NEVER), /broke the connection off/);
    });
  });

  test('that ends a build without a word is away', async () => {
    const host = await serve((socket, request) => {
      if (isEvents(request)) socket.write(CHUNKED);
      else if (isInquiry(request)) socket.end(NOTHING);
      else socket.end(`${CHUNKED}0\r\n\r\n`);
    });
    await withEngine(host, (engine) =>
      away(engine.build(requestOf('FROM scratch', 'x:1'), NEVER), /without saying how/),
    );
  });
});

const service = requireEngine();
const busybox = requireBusybox();

describe('a registry that refuses the engine', { skip: firstSkip(service, busybox) }, () => {
  test('is registry_denied, for a parent and for a push', async () => {
    const fake = await startFakeRegistry((_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
    });
    const docker = onlooker(service.url);
    const before = await leftovers(docker);
    try {
      await withEngine(service.url, async (engine) => {
        const below = requestOf(`FROM ${fake.host}/parent:1\nRUN true`, 'layerwright-test/denied:1');
        await assert.rejects(engine.build(below, NEVER), { code: 'registry_denied', transient: false });
        const made = requestOf('FROM scratch\nCOPY Dockerfile /', `${fake.host}/made:1`);
        await engine.build(made, NEVER);
        await assert.rejects(engine.push(made.reference, null, NEVER), { code: 'registry_denied' });
        await engine.removeReference(made.reference);
        for (const { reference } of [below, made]) await engine.cleanUp(reference);
      });
    } finally {
      await fake.stop();
    }
    assert.deepEqual(await leftovers(docker), before);
  });

  test('gets the login that belongs to it, whatever is in the password', async () => {
    const password = 'p>?~ÿ/+=';
    const fake = await startFakeRegistry((request, response) => {
      const sent = Buffer.from((request.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString();
      if (sent === `robot:${password}`)
        response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end('{}');
    });
    try {
      await withEngine(service.url, async (engine) => {
        const logins = { [fake.host]: { username: 'robot', password } };
        const below = requestOf(`FROM ${fake.host}/parent:1\nRUN true`, 'layerwright-test/login:1', { logins });
        await assert.rejects(engine.build(below, NEVER), { code: 'parent_missing' });
      });
    } finally {
      await fake.stop();
    }
  });
});

const program = requireDaemon();

describe('an engine of its own', { skip: firstSkip(busybox, program) }, () => {
  let daemon: ChildProcess;
  const start = async (): Promise<string> => {
    const { host, args } = daemonArguments(folder);
    daemon = spawn(program.url, args, { stdio: 'ignore' });
    const deadline = Date.now() + 30_000;
    while (Date.now() < deadline) {
      const up = await onlooker(host)
        .ping()
        .then(
          () => true,
          () => false,
        );
      if (up) return host;
      await pause(50);
    }
    throw new Error('the engine did not start');
  };
  afterEach(async () => {
    await endChild(daemon, 'SIGTERM');
    await clearDaemon(folder);
  });

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    test(`that is stopped by ${signal} in the middle of a build is away; what the build left is taken away when it is back`, {
      timeout: 120_000,
    }, async () => {
      const host = await start();
      const docker = onlooker(host);
      await makeParent(docker, 'parent:1', busybox.url);
      const before = await leftovers(docker);
      await withEngine(host, async (engine) => {
        const request = requestOf(
          'FROM parent:1\nRUN true\nRUN trap "exit 9" TERM; echo begun; sleep 20 & wait',
          'x:1',
          {
            onLine: (line) => line === 'begun' && daemon.kill(signal),
          },
        );
        const ended = once(daemon, 'exit');
        await away(engine.build(request, NEVER), /away|could not go on/);
        await ended;
        await containerdEnded(folder);
        await start();
        await engine.removeContainers(request.build);
        assert.deepEqual((await leftovers(docker)).containers, before.containers);
        await engine.cleanUp(request.reference);
        assert.deepEqual(await leftovers(docker), before);
      });
    });
  }

  test('that has no room left says so, and builds again when there is some', { timeout: 120_000 }, async () => {
    mkdirSync(`${folder}/data-root`);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', `${folder}/data-root`]);
    assert.equal(mounted.status, 0, String(mounted.stderr));
    const host = await start();
    await withEngine(host, async (engine) => {
      const build = (bytes: number): Promise<unknown> =>
        engine.build(
          requestOf('', 'full:1', {
            context: contextOf({ Dockerfile: 'FROM scratch\nCOPY big /\n', big: Buffer.alloc(bytes, 'x') }),
          }),
          NEVER,
        );

      await assert.rejects(build(30_000_000), (error: unknown) => {
        assert.ok(error instanceof ServiceError);
        assert.equal(error.code, 'disk_full', error.message);
        assert.equal(error.transient, true);
        assert.match(error.message, /^The container engine or the registry has no room left: .*\.$/);
        return true;
      });

      await engine.cleanUp('full:1');
      await build(1_000_000);
      await engine.removeReference('full:1');
    });
  });
});
