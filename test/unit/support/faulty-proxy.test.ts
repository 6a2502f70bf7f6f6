import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { PASS, startFaultyProxy } from '../../support/faulty-proxy.js';
import { until } from '../../support/until.js';

/** Longer than any close takes; milliseconds. */
const HANGS_MS = 5_000;

test('a proxy closes after its server left a client whose way to it was stuck', { timeout: HANGS_MS }, async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      proxy.set({ kind: 'stuck', directions: ['up'] });
      client.write('never comes', () => socket.destroySoon());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startFaultyProxy(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const client = connect(Number(proxy.address.split(':')[1]), '127.0.0.1');
  t.after(() => {
    client.destroy();
    server.close();
  });
  const ended = once(client, 'end');
  client.resume().write('leave me');
  await ended;
  await until('the server has no connection', () => connections(server).then((count) => count === 0));
  proxy.set(PASS);
  await proxy.close();
  await until('it has forgotten the connection', () => proxy.connections === 0);
});

test('what comes late through a slow proxy comes before the end that follows it', { timeout: HANGS_MS }, async (t) => {
  const server = createServer((socket) => socket.once('data', () => socket.end('all of it')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startFaultyProxy(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(async () => {
    await proxy.close();
    server.close();
  });
  proxy.set({ kind: 'slow', latencyMs: 20, bytesPerSecond: 1_000 });
  const client = connect(Number(proxy.address.split(':')[1]), '127.0.0.1');
  client.write('ask');
  let heard = '';
  for await (const chunk of client) heard += String(chunk);
  assert.equal(heard, 'all of it');
});

test('bytes keep their order while a proxy is slow now and then', { timeout: HANGS_MS }, async (t) => {
  const lines = Array.from({ length: 20 }, (_, index) => `${index}\n`);
  const server = createServer((socket) => {
    socket.once('data', async () => {
      for (const [index, line] of lines.entries()) {
        proxy.set(index % 2 === 0 ? { kind: 'slow', latencyMs: 15, bytesPerSecond: 1_000 } : PASS);
        socket.write(line);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startFaultyProxy(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(async () => {
    await proxy.close();
    server.close();
  });
  const client = connect(Number(proxy.address.split(':')[1]), '127.0.0.1');
  client.write('ask');
  let heard = '';
  for await (const chunk of client) heard += String(chunk);
  assert.equal(heard, lines.join(''));
});

function connections(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}
