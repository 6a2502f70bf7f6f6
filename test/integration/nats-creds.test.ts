/** A credentials file of NATS: a server in operator mode, a token that it trusts, and one that has expired. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { nkeys } from 'nats';
import { type NatsSettings, openBus, topology } from '../../src/bus/index.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import { claimOnce, takeTwice } from '../support/bus-work.js';
import { type NatsServer, startNatsServer } from '../support/nats-server.js';
import { requireNatsServer } from '../support/services.js';

const PREFIX = 'org.example.test';
const TOPOLOGY = topology({ prefix: PREFIX, git: [], gitLog: { maxAgeMs: 86_400_000, maxBytes: 1e8 } });
const HOUR_S = 3_600;
const UNLIMITED = Object.fromEntries(
  'subs data payload imports exports conn leaf mem_storage disk_storage streams consumer'
    .split(' ')
    .map((name) => [name, -1]),
);

type Key = ReturnType<typeof nkeys.createUser>;

/** A token of NATS (docs.nats.io/running-a-nats-service/nats_admin/security/jwt): what `by` says of `of`. */
function tokenOf(of: Key, by: Key, nats: object, expires?: number): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    jti: of.getPublicKey(),
    iat: now - 2 * HOUR_S,
    iss: by.getPublicKey(),
    sub: of.getPublicKey(),
    name: 'test',
    nats: { version: 2, ...nats },
    ...(expires === undefined ? {} : { exp: now + expires }),
  };
  const said = [{ typ: 'JWT', alg: 'ed25519-nkey' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${said}.${Buffer.from(by.sign(Buffer.from(said))).toString('base64url')}`;
}

suite('A credentials file of NATS', { skip: requireNatsServer().skip }, () => {
  const [operator, system, account, user, stranger] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createUser(),
    nkeys.createAccount(),
  ];
  let server: NatsServer;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'layerwright-creds-'));
    const limits = { ...UNLIMITED, wildcards: true };
    server = await startNatsServer(
      [
        `operator: ${tokenOf(operator, operator, { type: 'operator' })}`,
        `system_account: ${system.getPublicKey()}`,
        'resolver: MEMORY',
        'resolver_preload: {',
        `${system.getPublicKey()}: ${tokenOf(system, operator, { type: 'account', limits: { ...limits, mem_storage: 0, disk_storage: 0 } })}`,
        `${account.getPublicKey()}: ${tokenOf(account, operator, { type: 'account', limits })}`,
        '}',
      ].join('\n'),
    );
  });
  after(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const settings = async (by: Key, expires?: number): Promise<NatsSettings> => {
    const credsFile = join(folder, 'user.creds');
    const token = tokenOf(user, by, { type: 'user', subs: -1, data: -1, payload: -1 }, expires);
    const parts = [
      '-----BEGIN NATS USER JWT-----',
      token,
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      Buffer.from(user.getSeed()).toString(),
      '------END USER NKEY SEED------',
      '',
    ];
    await writeFile(credsFile, parts.join('\n'), { mode: 0o600 });
    return {
      kind: 'nats',
      servers: [server.url],
      credentials: { credsFile },
      tls: null,
      passiveDeclares: false,
      replicas: 1,
    };
  };

  test('opens a whole bus', async () => {
    const [bus, other] = [
      await openBus(await settings(account), TOPOLOGY),
      await openBus(await settings(account), TOPOLOGY),
    ];
    try {
      await takeTwice(bus, other, 'builder', `${PREFIX}.container.build.requested`);
      await claimOnce(bus, other);
    } finally {
      await Promise.all([bus.close(), other.close()]);
    }
  });

  for (const { what, by, expires } of [
    { what: 'that has expired', by: account, expires: -HOUR_S },
    { what: 'of an account that the server does not know', by: stranger, expires: HOUR_S },
  ]) {
    test(`is refused by one sentence: one ${what}`, async () => {
      const opening = openBus(await settings(by, expires), TOPOLOGY).then((bus) => bus.close());
      await assert.rejects(opening, (error: unknown) => {
        assert.ok(error instanceof ServiceError, String(error));
        assert.equal(error.code, 'bus_denied', error.message);
        assert.match(error.message, /refuses the user/);
        assert.doesNotMatch(error.message, /\n|SU[A-Z0-9]{20}/);
        return true;
      });
    });
  }
});
