import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BusSettings } from '../../../src/bus/index.js';
import { type Config, formatFault, parseConfig, shownBus } from '../../../src/config/index.js';

const LEAST = `
prefix: org.example.test
sources: [{ match: { namespace: container }, clone: 'https://src.example.org/{namespace}/{repo}.git' }]
targets: { f41: { refs: [f41] } }
registries: { candidate: { url: 'http://127.0.0.1:5000' } }
`;

function read(bus: string): ReturnType<typeof parseConfig> {
  return parseConfig(Buffer.from(`${LEAST}bus: ${bus}\n`), '/etc/layerwright/config.yaml', {});
}

function valid(bus: string): Config {
  const config = read(bus);
  assert.ok(config.ok, config.ok ? '' : config.error.map(formatFault).join('\n'));
  return config.value;
}

function faults(bus: string): string {
  const config = read(bus);
  assert.ok(!config.ok, `bus: ${bus} should have faults`);
  return config.error.map(formatFault).join('\n');
}

test('each kind comes out in its normal form, which is that of the bus', () => {
  const forms: readonly (readonly [string, BusSettings])[] = [
    ['{ path: here.db }', { kind: 'embedded', path: '/etc/layerwright/here.db' }],
    [
      '{ kind: amqp, url: amqp://127.0.0.1 }',
      {
        kind: 'amqp',
        urls: ['amqp://127.0.0.1'],
        credentials: null,
        tls: null,
        passiveDeclares: false,
        managementUrl: null,
      },
    ],
    [
      `{ kind: amqp, urls: ['amqps://a.example.org/%2F', 'amqps://b.example.org/%2F'], passive_declares: true,
         credentials: { user_file: user, password_file: /run/password }, tls: { ca: ca.pem, cert: cert.pem, key: key.pem },
         management_url: 'https://a.example.org:15671' }`,
      {
        kind: 'amqp',
        urls: ['amqps://a.example.org/%2F', 'amqps://b.example.org/%2F'],
        credentials: { userFile: '/etc/layerwright/user', passwordFile: '/run/password' },
        tls: { ca: '/etc/layerwright/ca.pem', cert: '/etc/layerwright/cert.pem', key: '/etc/layerwright/key.pem' },
        passiveDeclares: true,
        managementUrl: 'https://a.example.org:15671',
      },
    ],
    [
      '{ kind: nats, servers: [nats://a.example.org, tls://b.example.org:4222], credentials: { token_file: token }, tls: {}, replicas: 3 }',
      {
        kind: 'nats',
        servers: ['nats://a.example.org', 'tls://b.example.org:4222'],
        credentials: { tokenFile: '/etc/layerwright/token' },
        tls: { ca: null, cert: null, key: null },
        passiveDeclares: false,
        replicas: 3,
      },
    ],
    [
      '{ kind: nats, servers: [nats://a.example.org], credentials: { creds_file: /run/a.creds } }',
      {
        kind: 'nats',
        servers: ['nats://a.example.org'],
        credentials: { credsFile: '/run/a.creds' },
        tls: null,
        passiveDeclares: false,
        replicas: 1,
      },
    ],
  ];
  for (const [text, form] of forms) assert.deepEqual(valid(text).bus, form);
});

const CASES: readonly (readonly [name: string, bus: string, fault: RegExp])[] = [
  ['a broker without a URL', '{ kind: amqp }', /bus\.url: is missing \(for example `amqps:/],
  ['NATS without servers', '{ kind: nats }', /bus\.servers: is missing \(for example `\[nats:/],
  ['no server at all', '{ kind: nats, servers: [] }', /bus\.servers: there must be at least one/],
  [
    'a URL without a kind',
    '{ url: amqp://127.0.0.1 }',
    /bus\.url: a bus of the kind embedded has no such key \(it is one of amqp; embedded has `path`\)/,
  ],
  [
    'servers of AMQP',
    '{ kind: amqp, servers: [nats://127.0.0.1] }',
    /bus\.servers: a bus of the kind amqp has no such key \(write `url` or `urls`\)/,
  ],
  [
    'a URL of NATS',
    '{ kind: nats, url: nats://127.0.0.1 }',
    /bus\.url: .*nats has no such key \(write `servers: \[…\]`\)/,
  ],
  [
    'a path of AMQP',
    '{ kind: amqp, url: amqp://h, path: x }',
    /bus\.path: .*amqp has no such key \(it is one of embedded/,
  ],
  ['replicas of AMQP', '{ kind: amqp, url: amqp://h, replicas: 3 }', /bus\.replicas: .*amqp has no such key/],
  ['passive embedded', '{ passive_declares: true }', /bus\.passive_declares: .*embedded has no such key/],
  [
    'management of NATS',
    '{ kind: nats, servers: [nats://h], management_url: http://h }',
    /bus\.management_url: .*no such key/,
  ],
  ['url and urls', '{ kind: amqp, url: amqp://h, urls: [amqp://h] }', /bus\.urls: there is `url` already/],
  [
    'another scheme',
    '{ kind: amqp, url: https://h }',
    /bus\.url: https:\/\/ leads elsewhere \(begin with amqps:\/\/ or amqp:/,
  ],
  [
    'web sockets',
    '{ kind: nats, servers: [ws://h] }',
    /bus\.servers\[0\]: ws:\/\/ leads elsewhere \(begin with nats:\/\/ or tls:/,
  ],
  ['a host alone', '{ kind: nats, servers: [127.0.0.1] }', /bus\.servers\[0\]: this is no URL \(begin with nats:/],
  ['a URL without a host', '{ kind: amqp, urls: [amqp:///x] }', /bus\.urls\[0\]: this is no URL with a host/],
  [
    'TLS files without TLS',
    '{ kind: amqp, url: amqp://h:5671/x, tls: { ca: a } }',
    /bus\.url: `tls` is set.*\(write `amqps:\/\/h:5671\/x`/,
  ],
  ['a path of two parts', '{ kind: amqp, url: amqp://h/a/b }', /bus\.url: a virtual host is one segment.*`\/a%2Fb`/],
  ['a certificate alone', '{ kind: amqp, url: amqps://h, tls: { cert: a } }', /bus\.tls\.key: is missing/],
  [
    'a user alone',
    '{ kind: amqp, url: amqps://h, credentials: { user_file: a } }',
    /bus\.credentials\.password_file: is missing/,
  ],
  [
    'no credentials in credentials',
    '{ kind: amqp, url: amqps://h, credentials: {} }',
    /bus\.credentials: no file is named/,
  ],
  [
    'a token for RabbitMQ',
    '{ kind: amqp, url: amqps://h, credentials: { token_file: a } }',
    /bus\.credentials\.token_file: RabbitMQ does not come in by this/,
  ],
  [
    'two ways into NATS',
    '{ kind: nats, servers: [nats://h], credentials: { token_file: a, creds_file: b } }',
    /bus\.credentials: several ways to come in/,
  ],
  [
    'a user twice',
    '{ kind: amqp, url: amqp://ralph@h, credentials: { user_file: a, password_file: b } }',
    /bus\.url: two ways to come in are given/,
  ],
  [
    'a password as a key',
    '{ kind: amqp, url: amqp://h, credentials: { password: hunter2 } }',
    /bus\.credentials\.password: secrets are not written.*`password_file`/,
  ],
  ['too many copies', '{ kind: nats, servers: [nats://h], replicas: 6 }', /bus\.replicas: must be at most 5/],
  ['a list as URL', '{ kind: amqp, url: [amqp://h] }', /bus\.url: must be text or empty|bus\.url: must be text/],
];

for (const [name, bus, fault] of CASES) {
  test(`${name} is a fault of the bus, with its place and a hint, told once`, () => {
    const text = faults(bus);
    assert.match(text, fault);
    assert.equal(text.split('\n').length, 1, text);
  });
}

test('a password in a URL is allowed, and shown by no fault and by no look at the configuration', () => {
  const login = 'ralph:hunter2@';
  for (const bus of [
    `{ kind: amqp, url: 'amqp://${login}h', tls: {} }`,
    `{ kind: amqp, url: 'amqp://${login}h', credentials: { user_file: a, password_file: b } }`,
    `{ kind: amqp, urls: 'amqp://${login}h' }`,
    `{ kind: amqp, url: 'http://${login}h' }`,
    `{ kind: amqp, url: 'amqp://${login}h:port' }`,
    `{ kind: amqp, url: 'amqp://${login}h/a/b' }`,
    `{ kind: nats, servers: 'nats://${login}h' }`,
    `{ kind: 'amqp://${login}h' }`,
    `{ kind: amqp, url: 'amqp://${login}h', replicas: 'amqp://${login}h' }`,
    `{ kind: amqp, url: "amqp://${login}h\\q" }`,
  ]) {
    assert.doesNotMatch(faults(bus), /hunter2/, bus);
  }
  const shown = JSON.stringify([
    shownBus(valid(`{ kind: amqp, url: 'amqp://${login}h/x', management_url: 'http://${login}h:15672' }`).bus),
    shownBus(valid(`{ kind: nats, servers: ['nats://${login}h', 'nats://hunter2@h'] }`).bus),
  ]);
  assert.doesNotMatch(shown, /hunter2/);
  assert.match(shown, /amqp:\/\/…@h\/x/);
});

test('a password with any characters, in a URL that is right or wrong, is in no fault', () => {
  const password = fc.string({ minLength: 6, maxLength: 20 }).map((text) => `S3CRET${text.replaceAll(/[\s'/]/g, '')}`);
  fc.assert(
    fc.property(password, fc.constantFrom('amqp', 'amqps', 'http', 'nats'), (secret, scheme) => {
      const config = read(`{ kind: amqp, tls: {}, url: '${scheme}://ralph:${secret}@h:x/a/b' }`);
      return config.ok || !config.error.map(formatFault).join('\n').includes('S3CRET');
    }),
  );
});

test('the hash holds over where the bus is and how to come in: that is each process’s own', () => {
  const { hash } = valid('{ kind: amqp, url: amqp://a.example.org }');
  for (const bus of [
    '{ kind: amqp, url: amqps://b.example.org, tls: { ca: x } }',
    '{ kind: amqp, url: amqp://a.example.org, credentials: { user_file: a, password_file: b }, passive_declares: true }',
  ]) {
    assert.equal(valid(bus).hash, hash);
  }
});

test('the default git topics can be kept by NATS; a list of one’s own is taken as it is', () => {
  const topics = (bus: string): readonly string[] => valid(bus).gitTopics;
  assert.ok(topics('{ kind: nats, servers: [nats://h] }').includes('#.git.receive'));
  assert.ok(topics('{ kind: nats, servers: [nats://h] }').every((topic) => !/^#.*#$/.test(topic)));
  assert.ok(topics('{ kind: amqp, url: amqp://h }').includes('#.git.receive.#'));
});
