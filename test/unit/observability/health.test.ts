import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  type HealthServer,
  openHealth,
  openMetrics,
  Readiness,
  type ShownMetrics,
} from '../../../src/observability/index.js';

const ABOUT = { version: '0.1.0', config: 'sha256:abc', roles: ['trigger'] };

describe('the health server', () => {
  let server: HealthServer;
  let readiness: Readiness;
  let metrics: ShownMetrics;
  beforeEach(async () => {
    readiness = new Readiness();
    metrics = await openMetrics('0.1.0');
    server = await openHealth({ host: '127.0.0.1', port: 0, readiness, metrics, about: ABOUT });
  });
  afterEach(() => server.close());

  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${server.url}${path}`, init);

  it('answers /healthz while the process lives', async () => {
    const response = await get('/healthz');
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { ok: true, ...ABOUT });
  });

  it('answers /readyz with 503 and the reason until all is there', async () => {
    readiness.add('engine', () => ({ ok: false, reason: 'it does not answer' }));
    const away = await get('/readyz');
    assert.equal(away.status, 503);
    const body = (await away.json()) as { ready: boolean; config: string; checks: { reason: string }[] };
    assert.equal(body.ready, false);
    assert.equal(body.config, ABOUT.config);
    assert.equal(body.checks[0]?.reason, 'it does not answer');
    readiness.add('engine', () => ({ ok: true }));
    assert.equal((await get('/readyz')).status, 200);
  });

  it('shows what was counted and what is read when asked', async () => {
    metrics.pushDecided('build');
    metrics.buildEnded('failed', 'parent_missing');
    metrics.stepTook('push', 48);
    metrics.deadLettered('message_not_json');
    metrics.gauge('queue_waiting', async () => 3);
    metrics.gauge('bus_term', () => {
      throw new Error('away');
    });
    const text = await (await get('/metrics')).text();
    assert.match(text, /layerwright_pushes_total\{code="build"\} 1/);
    assert.match(text, /layerwright_builds_total\{state="failed",code="parent_missing"\} 1/);
    assert.match(text, /layerwright_step_seconds_bucket\{le="0.05",step="push"\} 1/);
    assert.match(text, /layerwright_dead_letters_total\{code="message_not_json"\} 1/);
    assert.match(text, /layerwright_queue_waiting 3/);
    assert.doesNotMatch(text, /layerwright_bus_term \d/);
  });

  it('answers other paths and methods with a sentence', async () => {
    assert.equal((await get('/')).status, 404);
    assert.equal((await get('/healthz', { method: 'POST', body: 'x' })).status, 405);
    const head = await get('/healthz', { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(await head.text(), '');
  });

  it('says who is in the way when its address is taken', async () => {
    const port = Number(new URL(server.url).port);
    await assert.rejects(openHealth({ host: '127.0.0.1', port, readiness, metrics, about: ABOUT }), {
      code: 'address_in_use',
    });
  });

  it('closes at once though a client holds a connection and never ends its request', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /healthz HTTP/1.1\r\n');
    // A connection that is reset is as gone as one that is closed.
    socket.on('error', () => undefined);
    const gone = new Promise((resolve) => socket.once('close', resolve));
    const began = performance.now();
    await server.close();
    await gone;
    assert.ok(performance.now() - began < 3_000);
    server = await openHealth({ host: '127.0.0.1', port: 0, readiness, metrics, about: ABOUT });
  });
});
