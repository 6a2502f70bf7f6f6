import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  comesAgainAt,
  hasRoom,
  inARowAfter,
  type Lane,
  PEOPLE_IN_A_ROW,
  type Standing,
  streamOf,
  turnOf,
  type Waiter,
} from '../../../src/builder/decide/fair.js';

const IDLE: Standing = { building: [], inARow: 0, served: new Map(), limits: new Map() };
const NONE = { people: false, cascade: false };

let since = 0;
function waiter(lane: Lane, component = 'httpd', target = 'f41'): Waiter {
  since += 1;
  return { lane, target, component, since };
}

function turn(inHand: readonly Waiter[], standing: Partial<Standing> = {}, onBus: Partial<typeof NONE> = {}): string {
  const decided = turnOf({ inHand, onBus: { ...NONE, ...onBus } }, { ...IDLE, ...standing });
  if (decided.kind === 'give') return `${decided.to.lane} ${decided.to.component}`;
  return decided.kind === 'fetch' ? `fetch ${decided.lane}` : 'open';
}

describe('whose turn it is', () => {
  const people = waiter('people');
  const cascade = waiter('cascade', 'app');
  const cases: readonly [behaviour: string, decided: string, expected: string][] = [
    ['nobody’s, when nobody waits', turn([]), 'open'],
    ['a rebuild’s, when nothing else waits', turn([cascade]), 'cascade app'],
    ['a person’s before a rebuild’s that came first', turn([cascade, people]), 'people httpd'],
    ['a person’s whose request is still on the bus', turn([cascade], {}, { people: true }), 'fetch people'],
    ['of two people the one’s in hand', turn([people], {}, { people: true }), 'people httpd'],
    ['a rebuild’s after so many of people', turn([people, cascade], { inARow: PEOPLE_IN_A_ROW }), 'cascade app'],
    ['a person’s before that', turn([people, cascade], { inARow: PEOPLE_IN_A_ROW - 1 }), 'people httpd'],
    ['a rebuild’s on the bus too', turn([people], { inARow: PEOPLE_IN_A_ROW }, { cascade: true }), 'fetch cascade'],
    ['a person’s when no rebuild waits, however many there were', turn([people], { inARow: 99 }), 'people httpd'],
    [
      'nobody’s whose target has no room',
      turn([people, cascade], { limits: new Map([['f41', 1]]), building: [waiter('people')] }),
      'open',
    ],
    [
      'a rebuild’s, when the person’s target has no room',
      turn([people, waiter('cascade', 'app', 'f42')], {
        limits: new Map([['f41', 1]]),
        building: [waiter('people')],
      }),
      'cascade app',
    ],
  ];
  for (const [behaviour, decided, expected] of cases) test(behaviour, () => assert.equal(decided, expected));

  test('of a lane: what is built least, then what had a slot longest ago, then what came first', () => {
    const [a, b, c] = [waiter('cascade', 'a'), waiter('cascade', 'b'), waiter('cascade', 'c')];
    assert.equal(turn([b, a]), 'cascade a');
    assert.equal(turn([a, b, c], { served: new Map([['f41/a', 7]]) }), 'cascade b');
    const served = new Map([['f41/a', 7]].concat([['f41/b', 5]]) as [string, number][]);
    assert.equal(turn([a, b], { served }), 'cascade b');
    assert.equal(turn([a, b], { served, building: [waiter('people', 'b')] }), 'cascade a');
  });
});

test('a request whose target has no room comes again in order, and not all at once', () => {
  const first = comesAgainAt(1_000, 0);
  const second = comesAgainAt(1_000, first);
  assert.ok(first > 1_000 && second > first);
  assert.equal(comesAgainAt(1_000_000, second), 1_000_000 + (first - 1_000));
});

/** A pool of slots as it is by this decision alone, through any history. */
describe('in any history', () => {
  const asked = fc.record({
    lane: fc.constantFrom<Lane>('people', 'cascade'),
    target: fc.constantFrom('f41', 'f42'),
    component: fc.constantFrom('a', 'b', 'c'),
  });
  const history = fc.record({
    slots: fc.integer({ min: 1, max: 3 }),
    limit: fc.option(fc.integer({ min: 1, max: 2 })),
    steps: fc.array(fc.oneof(asked, fc.constant('release' as const)), { maxLength: 80 }),
  });

  test('no slot is idle while one waits that may have it, no limit is passed, and no rebuild is passed over too often', () => {
    fc.assert(
      fc.property(history, ({ slots, limit, steps }) => {
        const limits = new Map(limit === null ? [] : [['f41', limit]]);
        const served = new Map<string, number>();
        const building: Waiter[] = [];
        const inHand: Waiter[] = [];
        let inARow = 0;
        let passedOver = 0;
        const mayHave = (one: Waiter): boolean => hasRoom(one.target, { building, limits });
        for (const [at, step] of steps.entries()) {
          if (step === 'release') building.shift();
          else inHand.push({ ...step, since: at });
          while (building.length < slots) {
            const decided = turnOf({ inHand, onBus: NONE }, { building, inARow, served, limits });
            assert.notEqual(decided.kind, 'fetch');
            assert.equal(decided.kind === 'give', inHand.some(mayHave), 'no slot is idle');
            if (decided.kind !== 'give') break;
            const { to } = decided;
            assert.ok(mayHave(to));
            const cascadeWaits = inHand.some((one) => one.lane === 'cascade' && mayHave(one));
            passedOver = to.lane === 'people' && cascadeWaits ? passedOver + 1 : 0;
            assert.ok(passedOver <= PEOPLE_IN_A_ROW, 'a rebuild is passed over too often');
            inARow = inARowAfter(to.lane, cascadeWaits, inARow);
            served.set(streamOf(to), at);
            inHand.splice(inHand.indexOf(to), 1);
            building.push(to);
          }
          const ofTarget = building.filter(({ target }) => target === 'f41').length;
          assert.ok(limit === null || ofTarget <= limit, 'the limit of a target');
        }
      }),
    );
  });
});
