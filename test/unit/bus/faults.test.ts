import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busFault, isBusy, RESULT } from '../../../src/bus/embedded/faults.js';
import { ServiceError } from '../../../src/kernel/service-error.js';

const sqlite = (rawCode: number): Error => Object.assign(new Error('as SQLite says it'), { rawCode, code: 'SQLITE_X' });
const PATH = '/srv/bus.db';

/** What the driver throws, and what becomes of it: transient or not, and a word that the sentence must have. */
const TABLE: readonly [thrown: Error, transient: boolean, says: RegExp][] = [
  [sqlite(RESULT.busy), true, /locked by another process/],
  [sqlite(RESULT.busy | (2 << 8)), true, /locked by another process/],
  [sqlite(RESULT.readonly), false, /read-only/],
  [sqlite(RESULT.ioerr | (3 << 8)), true, /fails to read or write/],
  [sqlite(RESULT.corrupt), false, /is damaged/],
  [sqlite(RESULT.full), true, /no room is left/],
  [sqlite(RESULT.cantopen), false, /can't be opened/],
  [sqlite(RESULT.notadb), false, /is not a bus file/],
  [sqlite(RESULT.perm), false, /may not be read or written/],
  [new Error('ConnectionFailed("Unable to open connection to local database /a: 14")'), false, /can't be opened/],
  [new Error('something else: 14'), false, /something else/],
];

for (const [thrown, transient, says] of TABLE) {
  test(`what the driver throws as "${thrown.message}" (${'rawCode' in thrown ? thrown.rawCode : '-'}) says ${says}`, () => {
    const fault = busFault(thrown, PATH);
    assert.equal(fault.code, 'bus_unavailable');
    assert.equal(fault.transient, transient);
    assert.match(fault.message, says);
    assert.equal(fault.cause, thrown);
  });
}

test('faults of ours pass as they are', () => {
  const fault = new ServiceError('bus_incompatible', 'too new');
  assert.equal(busFault(fault, PATH), fault);
});

test('only a lock is worth waiting for', () => {
  assert.equal(isBusy(sqlite(RESULT.busy)), true);
  assert.equal(isBusy(sqlite(RESULT.locked)), true);
  assert.equal(isBusy(sqlite(RESULT.full)), false);
  assert.equal(isBusy(new TypeError('no')), false);
});
