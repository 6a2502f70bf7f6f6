import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Database } from '../../../src/bus/embedded/database.js';

test('the same question is answered rightly in every order of asking for all rows and for one', () => {
  const db = new Database(':memory:');
  db.exec('CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT)');
  const put = (id: number, word: string): void => {
    db.run('INSERT INTO words VALUES (?, ?) ON CONFLICT DO UPDATE SET word = excluded.word', [id, word]);
  };
  for (const [id, word] of ['one', 'two', 'three'].entries()) put(id, word);
  const sql = 'SELECT word FROM words WHERE id = ?';
  assert.deepEqual(db.all(sql, [0]), [['one']]);
  assert.deepEqual(db.get(sql, [1]), ['two']);
  assert.deepEqual(db.all(sql, [2]), [['three']]);
  put(2, 'other');
  assert.deepEqual(db.get(sql, [2]), ['other']);
  assert.equal(db.get(sql, [7]), undefined);
  assert.deepEqual(db.all(sql, [1]), [['two']]);
  db.close();
});
