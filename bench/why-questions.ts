/** How long `why` takes to answer from a ledger, whatever it is asked about. */
import { endMessageId } from '../src/kernel/ids.js';
import type { Ledger } from '../src/ledger/index.js';
import { explain, type WhyParts } from '../src/why/index.js';
import { atMost, median, type Row, shown } from './figures.js';
import { type LongBuild, longBuild } from './long-log.js';

/** Milliseconds that an answer may take. */
const LIMIT = 50;
/** Each kind of question is asked about so many builds, spread over the log. */
const ASKED = 21;

/** The median of the slowest kind of question, and the slowest answer of all. `builds`: as many as the log has. */
export async function askWhy(ledger: Ledger, builds: number): Promise<readonly Row[]> {
  const parts: WhyParts = {
    ledger,
    logs: {
      push: async () => null,
      dead: async () => null,
      foresee: async () => ({ kind: 'refused', refusal: { code: 'not_a_push', reason: '' } }),
    },
    settings: { quietMs: 10_000, deadlineMs: 300_000 },
    targets: ['f41'],
    hosts: ['candidate.example.org:5000'],
    isOut: () => false,
    now: new Date('2026-11-29T09:00:00Z'),
  };
  const kinds: readonly ((one: LongBuild, number: number) => string)[] = [
    ({ build }) => build.id,
    ({ build }) => build.id.slice(0, 12),
    ({ build }, number) => `${build.component}-2.4-${number}.f41`,
    ({ build }) => build.component,
    ({ digest }) => digest,
    ({ references }) => references[2] ?? '',
    ({ build }) => `f41/${build.component}`,
    ({ build }) => endMessageId(build.id),
    ({ build }) => build.cause.message ?? '',
    ({ build }) => build.cause.wave ?? build.id,
  ];
  const numbers = Array.from({ length: ASKED }, (_, n) => Math.floor(((n + 0.5) * builds) / ASKED));
  const asked = numbers.map((number) => ({ number, one: longBuild(number) })).filter(({ one }) => !one.isFailed);
  const medians: number[] = [];
  let slowest = 0;
  for (const textOf of kinds) {
    const times: number[] = [];
    for (const { number, one } of asked) {
      const text = textOf(one, number);
      const begun = performance.now();
      const { reasons } = await explain(text, null, parts);
      times.push(performance.now() - begun);
      if (reasons.length === 0) throw new Error(`nothing is known of ${text}`);
    }
    medians.push(median(times));
    slowest = Math.max(slowest, ...times);
  }
  return [atMost('why.ms', Math.max(...medians), 'ms', LIMIT), shown('why.slowest_ms', slowest, 'ms')];
}
