import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError, storeError } from '../../../src/ledger/store-error.js';

const withCode = (code: string): Error => Object.assign(new Error(`the driver says ${code}`), { code });

const table: readonly [unknown, boolean, boolean, RegExp][] = [
  [withCode('SQLITE_BUSY'), false, false, /in use by another process/],
  [withCode('SQLITE_BUSY_RECOVERY'), false, false, /in use by another process/],
  [withCode('SQLITE_LOCKED'), false, false, /in use by another process/],
  [withCode('SQLITE_CORRUPT'), true, true, /damaged/],
  [withCode('SQLITE_CORRUPT_INDEX'), true, true, /damaged/],
  [withCode('SQLITE_NOTADB'), true, true, /damaged/],
  [new SyntaxError('Unexpected end of JSON input'), true, true, /damaged/],
  [withCode('SQLITE_FULL'), false, true, /no room/],
  [withCode('ENOSPC'), false, true, /no room/],
  [withCode('SQLITE_IOERR_WRITE'), false, true, /disk/],
  [withCode('SQLITE_READONLY'), false, false, /can’t be written/],
  [withCode('SQLITE_CANTOPEN'), false, false, /can’t be written/],
  [withCode('EACCES'), false, false, /can’t be written/],
  [withCode('ENOTDIR'), false, false, /can’t be written/],
  [withCode('SQLITE_ERROR'), false, false, /none of ours/],
  [new Error('anything else'), false, false, /can’t be used/],
  ['a thrown text', false, false, /can’t be used/],
];

for (const [thrown, damaged, transient, message] of table) {
  const name = thrown instanceof Error ? thrown.message : String(thrown);
  test(`${name}: ${damaged ? 'damaged, ' : ''}${transient ? 'may pass' : 'stays'}`, () => {
    const error = storeError(thrown);
    assert.equal(error.code, 'ledger_unavailable');
    assert.deepEqual([error.damaged, error.transient], [damaged, transient]);
    assert.match(error.message, message);
  });
}

test('what is classified already stays as it is', () => {
  const error = storeError(withCode('SQLITE_FULL'));
  assert.ok(error instanceof StoreError);
  assert.equal(storeError(error), error);
});
