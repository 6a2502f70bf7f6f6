import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { EXIT } from '../../../src/cli/context.js';
import { exitCodeOf } from '../../../src/cli/faults.js';
import { FAILURE_CODES, FAILURES, failure } from '../../../src/kernel/failure.js';
import { type ErrorCode, type FaultCode, ServiceError, toError } from '../../../src/kernel/service-error.js';

/** The compiler holds this list and the type together. */
const FAULT_CODES = Object.keys({
  bus_unavailable: true,
  bus_denied: true,
  bus_incompatible: true,
  position_lost: true,
  message_invalid: true,
  message_too_large: true,
  config_file_invalid: true,
  folder_in_use: true,
  address_in_use: true,
  usage: true,
  not_found: true,
  ledger_unavailable: true,
  archive_unavailable: true,
} satisfies Record<FaultCode, true>) as readonly FaultCode[];

/** Rows of the tables of codes: the code, then the other cells. */
async function documented(): Promise<ReadonlyMap<string, readonly string[]>> {
  const text = await readFile(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
  const rows = text
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map((cells) => ({ code: /^`([a-z_]+)`$/.exec(cells[1] ?? '')?.[1], cells: cells.slice(2, -1) }))
    .flatMap(({ code, cells }) => (code === undefined ? [] : [[code, cells] as const]));
  assert.equal(new Set(rows.map(([code]) => code)).size, rows.length, 'a code is documented twice');
  return new Map(rows);
}

describe('docs/errors.md', () => {
  test('has every code, and none that does not exist', async () => {
    const codes = [...(await documented()).keys()].sort();
    assert.deepEqual(codes, [...FAILURE_CODES, ...FAULT_CODES].sort());
  });

  test('says of every failure whether it is tried again, and of every code the exit, a meaning and a remedy', async () => {
    const rows = await documented();
    for (const code of FAILURE_CODES) {
      const [again, exit, meaning = '', remedy = ''] = rows.get(code) ?? [];
      assert.equal(again, FAILURES[code].transient ? 'yes' : 'no', code);
      assert.equal(exit, String(exitCodeOf(code)), code);
      assert.ok(meaning.length > 20 && remedy.endsWith('.'), code);
    }
    for (const code of FAULT_CODES) {
      const [exit, meaning = '', remedy = ''] = rows.get(code) ?? [];
      assert.equal(exit, String(exitCodeOf(code)), code);
      assert.ok(meaning.length > 20 && remedy.endsWith('.'), code);
    }
  });

  test('has the exit codes that commands end with', async () => {
    const text = await readFile(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    const listed = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, exit]) => Number(exit));
    assert.deepEqual(listed, Object.values(EXIT));
  });
});

describe('failures', () => {
  test('are transient as the table says', () => {
    const transient = FAILURE_CODES.filter((code) => failure(code, 's', 'm').transient);
    assert.deepEqual(transient.sort(), [
      'disk_full',
      'engine_unavailable',
      'registry_unavailable',
      'source_unavailable',
    ]);
  });

  test('each has advice in whole sentences', () => {
    for (const code of FAILURE_CODES) assert.match(FAILURES[code].advice, /^[A-Z`].*\.$/, code);
  });

  test('have an empty detail unless one is given', () =>
    assert.deepEqual(failure('build_failed', 'build', 'RUN x failed.'), {
      code: 'build_failed',
      step: 'build',
      message: 'RUN x failed.',
      detail: '',
      transient: false,
    }));
});

describe('service errors', () => {
  test('carry code, cause and detail, and are not transient unless said', () => {
    const cause = new Error('ECONNREFUSED');
    const error = new ServiceError('registry_unavailable' satisfies ErrorCode, 'm', {
      transient: true,
      cause,
      detail: 'd',
    });
    assert.deepEqual(
      [error.code, error.transient, error.cause, error.detail],
      ['registry_unavailable', true, cause, 'd'],
    );
    const plain = new ServiceError('usage', 'm');
    assert.deepEqual([plain.transient, plain.detail, 'cause' in plain], [false, '', false]);
  });

  test('an error is made of whatever was thrown', () => {
    const error = new Error('x');
    assert.equal(toError(error), error);
    assert.equal(toError('text').message, 'text');
    assert.equal(toError({ a: 1 }).message, 'non-error thrown: {"a":1}');
  });
});
