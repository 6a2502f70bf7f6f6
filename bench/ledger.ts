/** How fast the log is folded: the real store on disk, messages as builds send them, several builds at a time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLedger } from '../src/ledger/index.js';
import type { Message } from '../src/messages/index.js';
import { type FakeBus, fakeBus } from '../test/support/fake-bus.js';
import {
  completed,
  failed,
  PREFIX,
  requested,
  sampleBuild,
  sampleCommit,
  started,
  withNvr,
} from '../test/support/samples.js';
import { atLeast, median, type Row } from './figures.js';

/** Messages a second that a fold must reach. */
const LIMIT = 20_000;

const BUILDS = 17_000;
/** Builds that run at one time, so that their messages mix. */
const AT_ONCE = 8;
const COMPONENTS = 200;
/** One build of so many fails. */
const FAIL_EVERY = 10;

/** Folds some 50,000 messages into a new ledger, three times; the median counts. */
export async function ledgerRows(): Promise<readonly Row[]> {
  const bus = fakeBus();
  for (const message of buildMessages()) await bus.publish(message);
  const rates: number[] = [];
  for (let run = 0; run < 3; run += 1) rates.push(await foldRate(bus));
  await bus.close();
  return [atLeast('ledger.fold_per_s', Math.round(median(rates)), 'messages/s', LIMIT)];
}

async function foldRate(bus: FakeBus): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-bench-'));
  try {
    const begun = performance.now();
    const ledger = await openLedger({ bus, prefix: PREFIX, path: join(folder, 'ledger.db') });
    await ledger.caughtUp();
    // Closing writes what is held back, so it belongs to the time.
    await ledger.close();
    const { folded, builds } = ledger.stats();
    if (builds !== BUILDS) throw new Error(`the ledger has ${builds} builds of ${BUILDS}`);
    return folded / ((performance.now() - begun) / 1_000);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function* buildMessages(): Generator<Message> {
  for (let first = 0; first < BUILDS; first += AT_ONCE) {
    const builds = Array.from({ length: Math.min(AT_ONCE, BUILDS - first) }, (_, index) => first + index);
    const known = builds.map((number) => {
      const component = `component-${number % COMPONENTS}`;
      return { number, asked: sampleBuild({ component, source: { commit: sampleCommit(`commit ${number}`) } }) };
    });
    for (const { asked } of known) yield requested(asked);
    for (const { asked, number } of known) yield started(withNvr(asked, '2.4', `${number}.f41`));
    for (const { asked, number } of known) {
      const ended = withNvr(asked, '2.4', `${number}.f41`);
      yield number % FAIL_EVERY === 0 ? failed(ended) : completed(ended);
    }
  }
}
