/** Several processes that open a new NATS bus at the same moment. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { type Link, openLink } from '../../src/bus/nats/connect.js';
import { API } from '../../src/bus/nats/faults.js';
import { namesOf } from '../../src/bus/nats/names.js';
import { declare, Plan, streamInfo } from '../../src/bus/nats/streams.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import { type NatsServer, startNatsServer } from '../support/nats-server.js';
import { requireNatsServer } from '../support/services.js';

const AT_ONCE = 6;
/** Milliseconds for rounds that each open a new bus. */
const ROUNDS_MS = 3_000;

describe('NATS: a new bus that many open at once', { skip: requireNatsServer().skip }, () => {
  let server: NatsServer;
  let links: Link[] = [];
  before(async () => {
    server = await startNatsServer();
  });
  afterEach(async () => {
    await Promise.all(links.map((link) => link.close()));
    links = [];
  });
  after(() => server.stop());

  async function open(count: number): Promise<readonly Link[]> {
    const settings = {
      kind: 'nats',
      servers: [server.url],
      credentials: null,
      tls: null,
      passiveDeclares: false,
      replicas: 1,
    } as const;
    links = await Promise.all(Array.from({ length: count }, () => openLink(settings, () => undefined)));
    return links;
  }

  test('all of them find what one of them makes', async () => {
    const opened = await open(AT_ONCE);
    const end = performance.now() + ROUNDS_MS;
    for (let round = 0; performance.now() < end; round += 1) {
      const plan = planOf(`org.at-once.r${round}`);
      await Promise.all(opened.map((link) => declare(link, plan)));
    }
  });

  test('a stream whose making has not ended is waited for', async () => {
    const [link] = await open(1);
    assert.ok(link);
    const plan = planOf('org.being-made');
    const { streams } = link.jsm;
    const add = streams.add.bind(streams);
    let told = 0;
    // As nats-server does while the same stream is made for another process.
    streams.add = async (config) => {
      told += 1;
      if (told > 2 * plan.streams.length) await add(config);
      throw Object.assign(new Error('subjects overlap'), { api_error: { err_code: API.subjectsOverlap } });
    };
    await declare(link, plan);
    for (const { name } of plan.streams) assert.ok(await streamInfo(link, name), name);
  });

  test('a stream of somebody else is told of all the same', async () => {
    const [link] = await open(1);
    assert.ok(link);
    await link.jsm.streams.add({ name: 'THEIRS', subjects: ['org.theirs.git.>'] });
    await assert.rejects(declare(link, planOf('org.theirs')), (thrown: unknown) => {
      assert.ok(thrown instanceof ServiceError);
      assert.equal(thrown.code, 'bus_incompatible');
      assert.match(thrown.message, /another stream that keeps some of our subjects/);
      return true;
    });
  });
});

function planOf(prefix: string): Plan {
  const git = [`${prefix}.git.receive`];
  const topology = {
    prefix,
    git,
    groups: { trigger: git, builder: [`${prefix}.container.build.requested`] },
    gitLog: { maxAgeMs: 86_400_000, maxBytes: 1_000_000 },
  };
  return new Plan(topology, namesOf(prefix), { replicas: 1, passiveDeclares: false });
}
