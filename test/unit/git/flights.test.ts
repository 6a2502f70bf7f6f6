import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flights } from '../../../src/git/flights.js';

interface Work {
  readonly run: (signal: AbortSignal) => Promise<number>;
  readonly begun: () => number;
  readonly signals: readonly AbortSignal[];
  finish(): void;
}

/** Work that ends when the test says so; its result is its number. */
function work(): Work {
  const signals: AbortSignal[] = [];
  const ends: (() => void)[] = [];
  return {
    run: (signal) => {
      signals.push(signal);
      const number = signals.length;
      return new Promise((resolve, reject) => {
        ends.push(() => resolve(number));
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    },
    begun: () => signals.length,
    signals,
    finish: () => ends.shift()?.(),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('calls made together share one run', async () => {
  const flights = new Flights<number>();
  const { run, begun, finish } = work();
  const both = Promise.all([flights.join('a', run), flights.join('a', run)]);
  await turn();
  assert.equal(begun(), 1);
  finish();
  assert.deepEqual(await both, [1, 1]);
});

test('a call never joins a run that began before it; all those share the next', async () => {
  const flights = new Flights<number>();
  const { run, begun, finish } = work();
  const first = flights.join('a', run);
  await turn();
  const later = Promise.all([flights.join('a', run), flights.join('a', run)]);
  await turn();
  assert.equal(begun(), 1);
  finish();
  assert.equal(await first, 1);
  await turn();
  assert.equal(begun(), 2);
  finish();
  assert.deepEqual(await later, [2, 2]);
});

test('other keys do not wait', async () => {
  const flights = new Flights<number>();
  const { run, begun, finish } = work();
  const both = [flights.join('a', run), flights.join('b', run)];
  await turn();
  assert.equal(begun(), 2);
  finish();
  finish();
  await Promise.all(both);
});

test('a failed run fails its callers, and the next begins', async () => {
  const flights = new Flights<number>();
  const { run, finish } = work();
  const failed = flights.join('a', () => Promise.reject(new Error('no')));
  await assert.rejects(failed, /no/);
  const second = flights.join('a', run);
  await turn();
  finish();
  assert.equal(await second, 1);
});

test('one caller that gives up leaves the run to the others; the last ends it', async () => {
  const flights = new Flights<number>();
  const { run, signals, finish } = work();
  const [one, two] = [new AbortController(), new AbortController()];
  const first = flights.join('a', run, one.signal);
  const second = flights.join('a', run, two.signal);
  await turn();
  one.abort(new Error('one left'));
  await assert.rejects(first, /one left/);
  assert.equal(signals[0]?.aborted, false);
  two.abort(new Error('two left'));
  await assert.rejects(second, /two left/);
  assert.equal(signals[0]?.aborted, true);
  const third = flights.join('a', run);
  await turn();
  finish();
  finish();
  assert.equal(await third, 2);
});

test('a planned run that all gave up never begins, and a new caller gets one of its own', async () => {
  const flights = new Flights<number>();
  const { run, begun, finish } = work();
  const first = flights.join('a', run);
  await turn();
  const controller = new AbortController();
  const second = flights.join('a', run, controller.signal);
  controller.abort(new Error('left'));
  await assert.rejects(second, /left/);
  const third = flights.join('a', run);
  finish();
  await first;
  await turn();
  assert.equal(begun(), 2);
  finish();
  assert.equal(await third, 2);
});

test('ending everything rejects everybody', async () => {
  const flights = new Flights<number>();
  const { run } = work();
  const first = flights.join('a', run);
  await turn();
  const second = flights.join('a', run);
  const outcomes = Promise.allSettled([first, second]);
  await flights.abort(new Error('closed'));
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ['rejected', 'rejected'],
  );
});
