import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { topology } from '../../../src/bus/index.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { type Groups, topologyOf } from '../../../src/library/open.js';
import { topicNames } from '../../../src/library/topic-names.js';
import { CATALOG, MESSAGE_NAMES } from '../../../src/messages/index.js';

const refused =
  (says: RegExp) =>
  (thrown: unknown): boolean =>
    thrown instanceof ServiceError && thrown.code === 'usage' && says.test(thrown.message);

describe('what a program beside the service declares', () => {
  test('its own groups, and no log of pushes', () => {
    const made = topologyOf('org.example.prod', {
      deployer: ['build.completed', 'build.failed'],
      audit: ['build.cancel'],
    });
    assert.deepEqual(made.git, []);
    assert.deepEqual(made.groups, {
      deployer: ['org.example.prod.container.build.completed', 'org.example.prod.container.build.failed'],
      audit: ['org.example.prod.container.build.cancel'],
    });
  });

  test('a group can get every topic that a log keeps, and no other', () => {
    const topics = topicNames().flatMap((name) => topologyOf('p', { mine: [name] }).groups['mine'] ?? []);
    assert.deepEqual(
      new Set(topics),
      new Set(MESSAGE_NAMES.filter((name) => CATALOG[name].logged).map((name) => `p.${CATALOG[name].topic}`)),
    );
    assert.throws(
      () => topologyOf('p', { mine: ['build.output'] } as unknown as Groups),
      refused(/"build.output"; a group can get build\.requested, .*build\.completed/),
    );
  });

  test('no group of the service can be joined', () => {
    const service = topology({ prefix: 'p', git: [], gitLog: { maxAgeMs: 1, maxBytes: 1 } });
    for (const group of Object.keys(service.groups)) {
      assert.throws(() => topologyOf('p', { [group]: ['build.completed'] }), refused(/service's own|a word of/), group);
    }
  });

  for (const group of ['', 'Deployer', 'de ployer', '-x', 'a.b', 'a#', 'x'.repeat(65), '__proto__x']) {
    test(`a group is not called ${JSON.stringify(group.slice(0, 12))}`, () => {
      assert.throws(() => topologyOf('p', { [group]: ['build.completed'] }), refused(/a group is a word/));
    });
  }

  for (const prefix of ['', 'a..b', '.a', 'a.', 'a.*', 'a b', 'x'.repeat(121), undefined]) {
    test(`a prefix is not ${JSON.stringify(String(prefix).slice(0, 12))}`, () => {
      assert.throws(() => topologyOf(prefix as string, {}), refused(/the prefix is/));
    });
  }

  test('a group that wants nothing is refused', () => {
    assert.throws(() => topologyOf('p', { mine: [] }), refused(/group mine wants no message/));
  });
});
