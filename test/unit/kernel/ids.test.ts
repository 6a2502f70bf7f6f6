import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { v5 } from 'uuid';
import { type BuildIdentity, buildId, derivedId, endMessageId, messageId } from '../../../src/kernel/ids.js';

const BASIC: BuildIdentity = {
  component: 'httpd',
  target: 'f41',
  commit: '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d',
  kind: 'official',
  buildArgs: { LANG: 'C.UTF-8', A: '1' },
  causeKey: '',
};
const UUID_V5 = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('computed ids', () => {
  test('never change: they are on logs', () => {
    assert.equal(buildId(BASIC), 'd5e3438d-4ef0-52f2-ba0d-cf8eb1d81aad');
    assert.equal(messageId('b', 'container.build.started', 1), '3d212d71-b07d-5263-bd9b-fc8f65c01f1d');
    assert.equal(endMessageId('b'), '7dc7c10a-46a3-5a97-96f0-09d1144ae8d0');
    assert.equal(derivedId('wave', 'm'), 'c9e54cad-9029-55cd-ad70-6e3ec5dd5271');
  });

  test('are what the field’s library computes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (part) => {
        const name = Buffer.from(`1:k${part.length}:${part}`);
        assert.equal(derivedId('k', part), v5(name, 'b8a3a1de-50a6-5bfb-9f6c-3f2b2f6f6c1e'));
      }),
    );
  });

  test('the order of build arguments does not count', () =>
    assert.equal(buildId({ ...BASIC, buildArgs: { A: '1', LANG: 'C.UTF-8' } }), buildId(BASIC)));

  test('every part of the identity counts', () => {
    const others: Partial<BuildIdentity>[] = [
      {},
      { component: 'httpd2' },
      { target: 'f42' },
      { commit: `0${BASIC.commit.slice(1)}` },
      { kind: 'scratch' },
      { buildArgs: {} },
      { buildArgs: { LANG: 'C.UTF-8', A: '2' } },
      { causeKey: 'x' },
    ];
    assert.equal(new Set(others.map((change) => buildId({ ...BASIC, ...change }))).size, others.length);
  });

  test('two lists of parts never run together to one id', () => {
    const part = fc.string({ unit: fc.constantFrom('a', '1', ':', ''), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), fc.array(part, { maxLength: 4 }), (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        assert.equal(derivedId('k', ...one) === derivedId('k', ...other), same);
      }),
    );
    const args = fc.dictionary(part, part, { maxKeys: 3 });
    fc.assert(
      fc.property(args, args, part, part, (a, b, keyA, keyB) => {
        const text = (record: Readonly<Record<string, string>>, key: string) =>
          JSON.stringify([key, Object.entries(record).sort(([x], [y]) => (x < y ? -1 : 1))]);
        const equal =
          buildId({ ...BASIC, buildArgs: a, causeKey: keyA }) === buildId({ ...BASIC, buildArgs: b, causeKey: keyB });
        assert.equal(equal, text(a, keyA) === text(b, keyB));
      }),
    );
  });

  test('a build has one end, but a message of each topic for each attempt', () => {
    const ids = [1, 2].flatMap((attempt) => ['started', 'requested'].map((topic) => messageId('b', topic, attempt)));
    assert.equal(new Set([...ids, endMessageId('b'), endMessageId('c')]).size, 6);
  });

  test('are computed of any text that JSON can carry, half a surrogate pair included', () => {
    assert.match(derivedId('k', '\udfff'), UUID_V5);
    assert.match(buildId({ ...BASIC, buildArgs: { A: '\ud800' } }), UUID_V5);
  });

  test('are uuids of version 5', () => {
    for (const id of [buildId(BASIC), messageId('b', 't', 1), endMessageId('b'), derivedId('k')])
      assert.match(id, UUID_V5);
  });
});
