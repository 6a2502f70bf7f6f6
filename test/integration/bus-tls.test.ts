/** TLS and logins on real servers: what a good certificate or password opens, and what is said to a bad one. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { freePort } from '../../scripts/lib/services.mjs';
import { connectAmqp } from '../../src/bus/amqp/connect.js';
import {
  type AmqpSettings,
  type BusSettings,
  type NatsSettings,
  openBus,
  type TlsFiles,
  topology,
} from '../../src/bus/index.js';
import { openLink } from '../../src/bus/nats/connect.js';
import { type ErrorCode, ServiceError } from '../../src/kernel/service-error.js';
import { makeVhost, manageRabbitmq } from '../support/amqp-vhost.js';
import { claimOnce, readLog, takeTwice } from '../support/bus-work.js';
import { type Certificate, makeCertificate, writeCertificate } from '../support/certificates.js';
import { startNatsServer } from '../support/nats-server.js';
import { type OwnRabbitmq, startOwnRabbitmq } from '../support/own-rabbitmq.js';
import { requireNatsServer, requireRabbitmq } from '../support/services.js';

const HOSTS = ['localhost', '127.0.0.1'];
/** A user of RabbitMQ has the name of the certificate. */
const CLIENT = 'builder.example.org';

/** Certificates of one test run, in files. */
interface Papers {
  readonly folder: string;
  readonly authority: Certificate;
  readonly ca: string;
  readonly strangersCa: string;
  readonly server: TlsFiles;
  readonly expiredServer: TlsFiles;
  readonly otherServer: TlsFiles;
  readonly client: TlsFiles;
  readonly expiredClient: TlsFiles;
  readonly strangersClient: TlsFiles;
  readonly unknownClient: TlsFiles;
}

async function makePapers(): Promise<Papers> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-tls-'));
  const authority = makeCertificate({ name: 'Test authority' });
  const stranger = makeCertificate({ name: 'Strange authority' });
  const { cert: ca } = await writeCertificate(folder, 'ca', authority);
  const { cert: strangersCa } = await writeCertificate(folder, 'strange-ca', stranger);
  const write = async (file: string, certificate: Certificate): Promise<TlsFiles> => ({
    ca,
    ...(await writeCertificate(folder, file, certificate)),
  });
  return {
    folder,
    authority,
    ca,
    strangersCa,
    server: await write('server', makeCertificate({ name: 'localhost', by: authority, hosts: HOSTS })),
    expiredServer: await write(
      'expired-server',
      makeCertificate({ name: 'localhost', by: authority, hosts: HOSTS, days: [-9, -2] }),
    ),
    otherServer: await write(
      'other-server',
      makeCertificate({ name: 'other.example.org', by: authority, hosts: ['other.example.org'] }),
    ),
    client: await write('client', makeCertificate({ name: CLIENT, by: authority })),
    expiredClient: await write('expired-client', makeCertificate({ name: CLIENT, by: authority, days: [-9, -2] })),
    strangersClient: await write('strange-client', makeCertificate({ name: CLIENT, by: stranger })),
    unknownClient: await write('unknown-client', makeCertificate({ name: 'nobody.example.org', by: authority })),
  };
}

const PREFIX = 'org.example.test';
const TOPOLOGY = topology({ prefix: PREFIX, git: ['#.git.receive'], gitLog: { maxAgeMs: 86_400_000, maxBytes: 1e8 } });

/** A whole bus: each of its connections comes to the broker. */
async function works(settings: BusSettings): Promise<void> {
  const [bus, other] = await Promise.all([openBus(settings, TOPOLOGY), openBus(settings, TOPOLOGY)]);
  try {
    const topic = `${PREFIX}.container.build.requested`;
    await takeTwice(bus, other, 'builder', topic);
    await readLog(bus, other, 'ours', topic);
    await claimOnce(bus, other);
    assert.equal((await bus.health()).ok, true);
  } finally {
    await Promise.all([bus.close(), other.close()]);
  }
}

const opening = (settings: BusSettings): Promise<void> => openBus(settings, TOPOLOGY).then((bus) => bus.close());

/** Fails with one sentence of ours that says no secret and shows no stack. */
async function refused(code: ErrorCode, says: RegExp, attempt: Promise<unknown>): Promise<void> {
  await assert.rejects(attempt, (error: unknown) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.match(error.message, says);
    assert.equal(error.code, code, error.message);
    assert.doesNotMatch(error.message, /\n|secret|at .*\.ts/);
    return true;
  });
}

suite('RabbitMQ over TLS', { skip: requireRabbitmq().skip }, () => {
  let papers: Papers;
  let broker: OwnRabbitmq;
  let port = 0;

  before(async () => {
    papers = await makePapers();
    port = await freePort();
    const { cert, key } = papers.server;
    broker = await startOwnRabbitmq({
      conf: [
        `listeners.ssl.1 = 127.0.0.1:${port}`,
        `ssl_options.cacertfile = ${papers.ca}`,
        `ssl_options.certfile = ${cert}`,
        `ssl_options.keyfile = ${key}`,
        'ssl_options.verify = verify_peer',
        'ssl_options.fail_if_no_peer_cert = true',
        'ssl_cert_login_from = common_name',
        'auth_mechanisms.1 = PLAIN',
        'auth_mechanisms.2 = EXTERNAL',
      ].join('\n'),
      plugins: ['rabbitmq_auth_mechanism_ssl'],
    });
    await manageRabbitmq(broker.managementUrl, 'PUT', `users/${CLIENT}`, { password: '', tags: '' });
    await manageRabbitmq(broker.managementUrl, 'PUT', `permissions/%2F/${CLIENT}`, {
      configure: '.*',
      write: '.*',
      read: '.*',
    });
  });
  after(async () => {
    await broker?.stop();
    await rm(papers.folder, { recursive: true, force: true });
  });

  const settings = (parts: Partial<AmqpSettings> & { readonly url?: string } = {}): AmqpSettings => ({
    kind: 'amqp',
    urls: [parts.url ?? `amqps://localhost:${port}`],
    credentials: null,
    tls: papers.client,
    passiveDeclares: false,
    managementUrl: null,
    ...parts,
  });
  const connect = (parts?: Parameters<typeof settings>[0]) =>
    connectAmqp(settings(parts), { heartbeatS: 10, name: 'tls test' });
  const served = async (parts?: Parameters<typeof settings>[0]): Promise<void> => {
    const model = await connect(parts);
    const channel = await model.createChannel();
    await channel.checkExchange('amq.topic');
    await model.close();
  };

  test('a client certificate logs in by its name (SASL EXTERNAL)', () => served());
  test('a whole bus works over TLS, with a client certificate (SASL EXTERNAL)', () => works(settings()));
  test('a whole bus says what is wrong with its client certificate', async () => {
    await refused('bus_denied', /no user of the broker has its name/, opening(settings({ tls: papers.unknownClient })));
    await refused(
      'bus_denied',
      /unknown authority|not trusted/,
      opening(settings({ tls: { ...papers.client, ca: papers.strangersCa } })),
    );
  });

  test('a user and password from the URL or from files go before the certificate', async () => {
    await served({ url: `amqps://guest:guest@localhost:${port}` });
    const userFile = join(papers.folder, 'user');
    const passwordFile = join(papers.folder, 'password');
    await writeFile(userFile, 'guest\n');
    await writeFile(passwordFile, 'guest\n');
    await served({ credentials: { userFile, passwordFile } });
    await writeFile(passwordFile, 'secret\n');
    await refused(
      'bus_denied',
      /refuses the user or the password/,
      connect({ credentials: { userFile, passwordFile } }),
    );
  });

  test('the virtual host is the path of the URL; none and %2F are the default one', async () => {
    const vhost = await makeVhost(broker);
    try {
      await served({ url: `amqps://guest:guest@localhost:${port}/${vhost.name}` });
      await served({ url: `amqps://guest:guest@localhost:${port}/%2F` });
      await refused(
        'bus_denied',
        /refuses the virtual host.*no permissions in it/,
        connect({ url: `amqps://localhost:${port}/${vhost.name}` }),
      );
    } finally {
      await vhost.remove();
    }
    await refused(
      'bus_denied',
      /nowhere refuses the virtual host.*does not exist/,
      connect({ url: `amqps://guest:guest@localhost:${port}/nowhere` }),
    );
  });

  test('a server of an unknown authority is not trusted', () =>
    refused(
      'bus_denied',
      /authority that is not trusted/,
      connect({ tls: { ...papers.client, ca: papers.strangersCa } }),
    ));

  test('a client without a certificate is refused', () =>
    refused('bus_denied', /client certificate/, connect({ tls: { ca: papers.ca, cert: null, key: null } })));

  test('an expired client certificate is refused', () =>
    refused('bus_denied', /client certificate/, connect({ tls: papers.expiredClient })));

  test('a client certificate of an unknown authority is refused', () =>
    refused('bus_denied', /client certificate/, connect({ tls: papers.strangersClient })));

  test('a client certificate that no user is named like is refused', () =>
    refused('bus_denied', /no user of the broker has its name/, connect({ tls: papers.unknownClient })));

  test('TLS to a port without it, and the other way round, say which', async () => {
    const plain = new URL(broker.url).port;
    await refused('bus_unavailable', /TLS/, connect({ url: `amqps://localhost:${plain}` }));
    // A broker that hears no TLS cuts the connection without a word; it depends on the moment what the driver sees.
    await refused('bus_unavailable', /broke|TLS/, connect({ url: `amqp://guest:guest@localhost:${port}` }));
  });
});

suite('A server with a bad certificate, for RabbitMQ', () => {
  let papers: Papers;
  before(async () => {
    papers = await makePapers();
  });
  after(() => rm(papers.folder, { recursive: true, force: true }));

  // The certificate is looked at before a word of AMQP is said: any server will do.
  for (const { what, file, says } of [
    { what: 'expired', file: 'expiredServer', says: /certificate of .* has expired/ },
    { what: 'of another name', file: 'otherServer', says: /certificate of .* is for another name/ },
  ] as const) {
    test(`is not trusted: ${what}`, async () => {
      const { cert, key } = papers[file];
      const server = createTlsServer({ cert: await readFile(cert ?? ''), key: await readFile(key ?? '') }, (socket) =>
        socket.end(),
      );
      server.on('tlsClientError', () => undefined);
      const port = await listening(server);
      const settings: AmqpSettings = {
        kind: 'amqp',
        urls: [`amqps://guest:guest@localhost:${port}`],
        credentials: null,
        tls: { ca: papers.ca, cert: null, key: null },
        passiveDeclares: false,
        managementUrl: null,
      };
      try {
        await refused('bus_denied', says, connectAmqp(settings, { heartbeatS: 10, name: 'tls test' }));
        await refused('bus_denied', says, opening(settings));
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    });
  }
});

suite('NATS over TLS', { skip: requireNatsServer().skip }, () => {
  let papers: Papers;
  before(async () => {
    papers = await makePapers();
  });
  after(() => rm(papers.folder, { recursive: true, force: true }));

  /** Runs a case on a server of its own: with TLS, and by default with client certificates that name a user. */
  const on =
    (
      parts: { readonly server?: TlsFiles; readonly config?: string },
      body: (connect: (parts?: Partial<NatsSettings>) => Promise<void>, settings: NatsSettings) => Promise<void>,
    ) =>
    async (): Promise<void> => {
      const { cert, key } = parts.server ?? papers.server;
      const server = await startNatsServer(
        [
          `tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${papers.ca}", timeout: 5`,
          parts.config === undefined ? 'verify_and_map: true }' : '}',
          parts.config ?? `authorization { users: [ { user: "CN=${CLIENT}" } ] }`,
        ].join('\n'),
      );
      const settings: NatsSettings = {
        kind: 'nats',
        servers: [`tls://localhost:${new URL(server.url).port}`],
        credentials: null,
        tls: papers.client,
        passiveDeclares: false,
        replicas: 1,
      };
      try {
        await body(async (more) => {
          const faults: Error[] = [];
          const link = await openLink({ ...settings, ...more }, (error) => faults.push(error));
          await link.nc.flush();
          await link.close();
          assert.deepEqual(faults, []);
        }, settings);
      } finally {
        await server.stop();
      }
    };
  const bare = (): TlsFiles => ({ ca: papers.ca, cert: null, key: null });

  test('a client certificate logs in by its name', () => on({}, (connect) => connect())());
  test('a whole bus works over TLS, with a client certificate', () => on({}, (_, settings) => works(settings))());
  test('a whole bus says what is wrong with the server’s certificate', async () => {
    for (const { server, says } of [
      { server: papers.expiredServer, says: /has expired/ },
      { server: papers.otherServer, says: /for another name/ },
    ]) {
      await on({ server }, (_, settings) => refused('bus_denied', says, opening(settings)))();
    }
  });
  test('a server of an unknown authority is not trusted', () =>
    on({}, (connect) =>
      refused('bus_denied', /unknown authority/, connect({ tls: { ...papers.client, ca: papers.strangersCa } })),
    )());
  test('an expired certificate of the server is not trusted', () =>
    on({ server: papers.expiredServer }, (connect) => refused('bus_denied', /has expired/, connect()))());
  test('a certificate of another name is not trusted', () =>
    on({ server: papers.otherServer }, (connect) => refused('bus_denied', /for another name/, connect()))());
  test('a client without a certificate is refused', () =>
    on({}, (connect) => refused('bus_unavailable', /refuses our client certificate/, connect({ tls: bare() })))());
  test('an expired client certificate is refused', () =>
    on({}, (connect) =>
      refused('bus_unavailable', /refuses our client certificate/, connect({ tls: papers.expiredClient })),
    )());
  test('a client certificate of an unknown authority is refused', () =>
    on({}, (connect) =>
      refused('bus_unavailable', /refuses our client certificate/, connect({ tls: papers.strangersClient })),
    )());
  test('a client certificate that no user is named like is refused', () =>
    on({}, (connect) => refused('bus_denied', /refuses/, connect({ tls: papers.unknownClient })))());

  test('a user and password come from files, and a wrong one is refused', () =>
    on({ config: 'authorization { user: builder, password: right }' }, async (connect) => {
      const [userFile, passwordFile] = [join(papers.folder, 'user'), join(papers.folder, 'password')];
      await writeFile(userFile, 'builder\n');
      await writeFile(passwordFile, 'right\n');
      await connect({ tls: bare(), credentials: { userFile, passwordFile } });
      await writeFile(passwordFile, 'secret\n');
      await refused('bus_denied', /refuses/, connect({ tls: bare(), credentials: { userFile, passwordFile } }));
    })());

  test('a token comes from a file, and a wrong one is refused', () =>
    on({ config: 'authorization { token: right }' }, async (connect) => {
      const tokenFile = join(papers.folder, 'token');
      await writeFile(tokenFile, 'right\n');
      await connect({ tls: bare(), credentials: { tokenFile } });
      await writeFile(tokenFile, 'secret\n');
      await refused('bus_denied', /refuses/, connect({ tls: bare(), credentials: { tokenFile } }));
    })());
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
