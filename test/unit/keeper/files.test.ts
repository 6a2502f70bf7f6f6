import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FilePolicy, filesThatGo, type StoredFile } from '../../../src/keeper/decide/files.js';

const NOW = 1_000_000;

const files = fc.uniqueArray(
  fc.record({ name: fc.string(), bytes: fc.nat(1_000), usedAt: fc.integer({ min: 0, max: NOW }) }),
  { selector: ({ name }) => name, maxLength: 30 },
);
const policies: fc.Arbitrary<FilePolicy> = fc.record({
  keepBytes: fc.nat(10_000),
  keepMs: fc.option(fc.nat(NOW)),
  graceMs: fc.nat(NOW / 2),
});
const cases = fc.record({ files, policy: policies, used: fc.array(fc.nat(29)) }).map(({ used, ...rest }) => ({
  ...rest,
  inUse: new Set(used.map((index) => rest.files[index]?.name).filter((name) => name !== undefined)),
}));

const names = (list: readonly { readonly file: StoredFile }[]): readonly string[] => list.map(({ file }) => file.name);

test('over the bound the oldest go, and no more of them than must', () => {
  const all = [
    { name: 'old', bytes: 50, usedAt: 1 },
    { name: 'older', bytes: 60, usedAt: 0 },
    { name: 'new', bytes: 40, usedAt: 2 },
  ];
  const policy = { keepBytes: 100, keepMs: null, graceMs: 0 };
  assert.deepEqual(names(filesThatGo(all, policy, new Set(), NOW)), ['older']);
  assert.deepEqual(names(filesThatGo(all, policy, new Set(['older']), NOW)), ['old'], 'what is in use counts');
  assert.deepEqual(names(filesThatGo(all, { ...policy, keepMs: NOW - 2 }, new Set(), NOW)), ['older', 'old']);
});

test('a file of a clock that was ahead stays as long as there is room, and no longer', () => {
  const ahead = [{ name: 'ahead', bytes: 50, usedAt: 2 * NOW }];
  const policy = { keepBytes: 50, keepMs: 10, graceMs: 100 };
  assert.deepEqual(filesThatGo(ahead, policy, new Set(), NOW), []);
  assert.deepEqual(names(filesThatGo(ahead, { ...policy, keepBytes: 49 }, new Set(), NOW)), ['ahead']);
});

test('what is in use, or was a moment ago, never goes', () => {
  fc.assert(
    fc.property(cases, ({ files, policy, inUse }) => {
      for (const { file } of filesThatGo(files, policy, inUse, NOW))
        assert.ok(!inUse.has(file.name) && NOW - file.usedAt >= policy.graceMs);
    }),
  );
});

test('what stays fits, unless nothing of it may go; and nothing goes that had not to', () => {
  fc.assert(
    fc.property(cases, ({ files, policy, inUse }) => {
      const going = filesThatGo(files, policy, inUse, NOW);
      const gone = new Set(names(going));
      const stays = files.filter(({ name }) => !gone.has(name));
      const free = stays.filter(({ name, usedAt }) => !inUse.has(name) && NOW - usedAt >= policy.graceMs);
      const left = stays.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(left <= policy.keepBytes || free.length === 0);
      const last = going.filter(({ reason }) => reason === 'over_keep_bytes').at(-1);
      if (last !== undefined) {
        const youngerTooOld = going.slice(going.indexOf(last) + 1).reduce((sum, { file }) => sum + file.bytes, 0);
        assert.ok(left + youngerTooOld + last.file.bytes > policy.keepBytes, 'the last one had not to go');
        for (const { usedAt } of free) assert.ok(usedAt >= last.file.usedAt, 'an older one stays');
      }
    }),
  );
});

test('a second look at what stays finds nothing to go, and the order of the list does not matter', () => {
  fc.assert(
    fc.property(cases, ({ files, policy, inUse }) => {
      const gone = names(filesThatGo(files, policy, inUse, NOW));
      const stays = files.filter(({ name }) => !gone.includes(name));
      assert.deepEqual(filesThatGo(stays, policy, inUse, NOW), []);
      assert.deepEqual(names(filesThatGo([...files].reverse(), policy, inUse, NOW)), gone);
    }),
  );
});
