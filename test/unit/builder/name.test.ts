import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStillFree } from '../../../src/builder/name.js';
import type { Claim } from '../../../src/bus/index.js';

const at = (monotonic: number) => ({ clock: { now: () => new Date(), monotonic: () => monotonic } });

/** A name that the registry did not have at 1 s, under a claim that is held or lost. */
const freeAtOneSecond = (held = true) => ({
  tag: '2.4-1.f41',
  askedAt: 1_000,
  claim: { verify: async () => held } as Claim,
});

test('a name that was free is free for ten seconds while its claim is held', async () => {
  assert.equal(await isStillFree(at(1_000), freeAtOneSecond(), '2.4-1.f41'), true);
  assert.equal(await isStillFree(at(11_000), freeAtOneSecond(), '2.4-1.f41'), true);
  assert.equal(await isStillFree(at(11_001), freeAtOneSecond(), '2.4-1.f41'), false);
});

test('it is not known to be when the claim is lost, when it is another name, or when none was asked for', async () => {
  assert.equal(await isStillFree(at(1_000), freeAtOneSecond(false), '2.4-1.f41'), false);
  assert.equal(await isStillFree(at(1_000), freeAtOneSecond(), '2.4-2.f41'), false);
  assert.equal(await isStillFree(at(1_000), null, '2.4-1.f41'), false);
});
