import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { type BusAddress, settingsOf } from '../../../src/library/address.js';

const AMQP = { credentials: null, tls: null, passiveDeclares: false, managementUrl: null };
const NATS = { credentials: null, tls: null, passiveDeclares: false, replicas: 1 };

describe('the address of a bus', () => {
  test('a text is a URL of a broker, or else the path of a bus file', () => {
    assert.deepEqual(settingsOf('amqps://user:pw@bus.example.org/prod'), {
      kind: 'amqp',
      urls: ['amqps://user:pw@bus.example.org/prod'],
      ...AMQP,
    });
    assert.deepEqual(settingsOf('AMQP://localhost'), { kind: 'amqp', urls: ['AMQP://localhost'], ...AMQP });
    assert.deepEqual(settingsOf('nats://a:4222'), { kind: 'nats', servers: ['nats://a:4222'], ...NATS });
    assert.deepEqual(settingsOf('tls://a:4222'), { kind: 'nats', servers: ['tls://a:4222'], ...NATS });
    assert.deepEqual(settingsOf('state/bus.db'), { kind: 'embedded', path: 'state/bus.db' });
    assert.deepEqual(settingsOf('/var/lib/a b:c/bus.db'), { kind: 'embedded', path: '/var/lib/a b:c/bus.db' });
  });

  test('of the settings of an engine, only what differs from the default is given', () => {
    assert.deepEqual(settingsOf({ kind: 'amqp', urls: ['amqps://a', 'amqps://b'], tls: { ca: 'ca.pem' } }), {
      kind: 'amqp',
      urls: ['amqps://a', 'amqps://b'],
      ...AMQP,
      tls: { ca: 'ca.pem', cert: null, key: null },
    });
    assert.deepEqual(settingsOf({ kind: 'nats', servers: ['nats://a'], replicas: 3, passiveDeclares: true }), {
      kind: 'nats',
      servers: ['nats://a'],
      ...NATS,
      replicas: 3,
      passiveDeclares: true,
    });
    assert.deepEqual(settingsOf({ kind: 'embedded', path: 'bus.db' }), { kind: 'embedded', path: 'bus.db' });
  });

  const refused: readonly (readonly [string, unknown, RegExp])[] = [
    ['an empty text', '', /empty/],
    ['a URL of another kind', 'https://user:secret@example.org', /not by https:/],
    ['no URL', { kind: 'amqp', urls: [] }, /`urls`/],
    ['no server', { kind: 'nats', servers: [] }, /`servers`/],
    ['a text for a list', { kind: 'amqp', urls: 'amqp://secret@a' }, /`urls`/],
    ['a certificate without key', { kind: 'amqp', urls: ['amqps://a'], tls: { cert: 'a.pem' } }, /come together/],
    ['another kind', { kind: 'kafka' }, /embedded, amqp or nats/],
  ];
  for (const [what, address, says] of refused) {
    test(`${what} is refused, and no secret is told`, () => {
      assert.throws(
        () => settingsOf(address as BusAddress),
        (thrown) =>
          thrown instanceof ServiceError &&
          thrown.code === 'usage' &&
          says.test(thrown.message) &&
          !thrown.message.includes('secret'),
      );
    });
  }
});
