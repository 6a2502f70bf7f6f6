/** A ledger of a million messages: how fast it is made from nothing, how long others wait meanwhile, and what it answers. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus } from '../src/bus/index.js';
import { endMessageId } from '../src/kernel/ids.js';
import { type Ledger, openLedger } from '../src/ledger/index.js';
import { PREFIX } from '../test/support/samples.js';
import { atLeast, atMost, median, type Row, shown } from './figures.js';
import { longBuild, longLog, MESSAGES_A_BUILD } from './long-log.js';
import { askWhy } from './why-questions.js';

/** Messages a second that a fold must reach, and milliseconds that an answer may take. */
const FOLD_LIMIT = 20_000;
const ANSWER_LIMIT = 50;

const MESSAGES = Number(process.env['BENCH_LEDGER_MESSAGES'] ?? 1_000_000);
const BUILDS = Math.ceil(MESSAGES / MESSAGES_A_BUILD);
/** Each question is asked about so many builds. */
const ASKED = 41;

export async function ledgerMillionRows(): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-bench-'));
  const path = join(folder, 'ledger.db');
  try {
    const log = new MadeLog(BUILDS);
    const ledger = await openLedger({ bus: log as unknown as Bus, prefix: PREFIX, path });
    await ledger.caughtUp();
    const { folded, builds, skipped } = ledger.stats();
    if (builds !== BUILDS || skipped !== 0) throw new Error(`the ledger has ${builds} builds of ${BUILDS}`);
    const answers = [...answerRows(ledger), ...(await askWhy(ledger, BUILDS))];
    const begun = performance.now();
    // Closing writes what is held back, so it belongs to the time.
    await ledger.close();
    const seconds = (log.foldingMs + performance.now() - begun) / 1_000;
    return [
      atLeast('ledger.million_fold_per_s', Math.round(folded / seconds), 'messages/s', FOLD_LIMIT),
      shown('ledger.million_fold_per_cpu_s', Math.round((folded * 1_000) / log.cpuMs), 'messages/s'),
      shown('ledger.million_kb_a_message', mean(log.sampled) / 1_000, 'kB'),
      shown(
        'ledger.million_turn_p99',
        [...log.turns].sort((a, b) => a - b)[Math.floor(log.turns.length * 0.99)] ?? 0,
        'ms',
      ),
      shown(
        'ledger.million_turn_max',
        log.turns.reduce((most, one) => Math.max(most, one), 0),
        'ms',
      ),
      shown('ledger.million_file', (await stat(path)).size / 1e6, 'MB'),
      ...answers,
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Of a bus only what a ledger asks of it. The time in which the log is made does not count. */
class MadeLog {
  readonly #batches;
  foldingMs = 0;
  /** Of all threads. */
  cpuMs = 0;
  /** Bytes of some messages. */
  readonly sampled: number[] = [];
  /** Milliseconds from one turn of others to the next, while folding. */
  readonly turns: number[] = [];

  constructor(builds: number) {
    this.#batches = longLog(builds);
  }

  async follow(_log: string, _from: unknown, onBatch: Parameters<Bus['follow']>[2]) {
    const all = (async () => {
      let number = 0;
      let last = 0;
      const tick = (): void => {
        const now = performance.now();
        this.turns.push(now - last);
        last = now;
      };
      const others = setInterval(tick, 1);
      for (const batch of this.#batches) {
        number += 1;
        if (number % 100 === 1) this.sampled.push(...batch.map(({ message }) => JSON.stringify(message).length));
        const begun = performance.now();
        last = begun;
        const cpu = process.cpuUsage();
        await onBatch(batch);
        this.foldingMs += performance.now() - begun;
        const used = process.cpuUsage(cpu);
        this.cpuMs += (used.user + used.system) / 1_000;
        tick();
      }
      clearInterval(others);
    })();
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    return { caughtUp: () => all, stopped, stop: async () => stop() };
  }
}

/** The median over builds that are spread over the log; each is asked once, so that the first look counts too. */
function answerRows(ledger: Ledger): readonly Row[] {
  const numbers = Array.from({ length: ASKED }, (_, n) => Math.floor(((n + 0.5) * BUILDS) / ASKED));
  const asked = numbers.map(longBuild).filter(({ isFailed }) => !isFailed);
  const questions: readonly [string, (one: (typeof asked)[number]) => unknown][] = [
    ['build', ({ build }) => ledger.build(build.id)],
    ['find', ({ build }) => ledger.find(build.id.slice(0, 12))[0]],
    ['by_message', ({ build }) => ledger.byMessage(endMessageId(build.id)).build],
    ['by_digest', ({ digest }) => ledger.byDigest(digest)],
    ['name_now', ({ references }) => ledger.holderOfName(references[2] ?? '')],
    ['name_then', ({ references }) => ledger.holderOfName(references[2] ?? '', { before: '2026-02-01T00:00:00Z' })],
    ['caused_by', ({ build }) => ledger.causedBy(build.cause.message ?? '').builds[0]],
    ['dependents', ({ parents }) => ledger.dependentsOfDigest(parents[0] ?? '')[0]],
    ['failed_of_late', () => ledger.builds({ states: ['failed'], endedSince: '2026-04-01T00:00:00Z' })],
  ];
  return questions.flatMap(([name, ask]) => {
    const times = asked.map((one) => {
      const begun = performance.now();
      if ((ask(one) ?? null) === null) throw new Error(`${name} finds nothing of ${one.build.id}`);
      return performance.now() - begun;
    });
    return [
      atMost(`ledger.why_${name}`, median(times), 'ms', ANSWER_LIMIT),
      shown(`ledger.why_${name}_max`, Math.max(...times), 'ms'),
    ];
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
