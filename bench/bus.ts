/** How fast the embedded bus stores: against the disk itself, and many publishes at once against one at a time. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bus, openBus, topology } from '../src/bus/index.js';
import { CATALOG, encode, type Message } from '../src/messages/index.js';
import { atLeast, median, type Row } from './figures.js';

/** One publish at a time must reach this part of the rate of append and fdatasync of the same bytes. */
const SINGLE_LIMIT = 0.5;
/** Publishes in flight must reach this many times the rate of single ones. */
const IN_FLIGHT_LIMIT = 8;

const PREFIX = 'org.example.bench';
const MESSAGE_BYTES = 1_024;
const ROUNDS = 9;
const SINGLES_A_ROUND = 60;
const IN_FLIGHT = 100;
const IN_FLIGHT_A_ROUND = 2_000;
const MONTH_MS = 30 * 86_400_000;

/**
 * Rounds of singles, each beside an append of the same bytes, and of publishes in flight, all on one disk in one run:
 * what else the machine does hits all of them alike. The medians over the rounds count.
 */
export async function busRows(): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-bench-'));
  const bus = await openBus(
    { kind: 'embedded', path: join(folder, 'bus.db') },
    topology({ prefix: PREFIX, git: ['#.git.receive'], gitLog: { maxAgeMs: MONTH_MS, maxBytes: 5e9 } }),
  );
  const raw = openSync(join(folder, 'raw'), 'a');
  const append = (message: Message): void => {
    writeSync(raw, encode(message));
    fdatasyncSync(raw);
  };
  try {
    await round(bus, append);
    const single: number[] = [];
    const inFlight: number[] = [];
    for (let count = 0; count < ROUNDS; count += 1) {
      const times = await round(bus, append);
      single.push(times.raw / times.single);
      inFlight.push(times.single / times.inFlight);
    }
    return [
      ratioRow('bus.embedded.single.ratio', median(single), SINGLE_LIMIT),
      ratioRow('bus.embedded.inflight.ratio', median(inFlight), IN_FLIGHT_LIMIT),
    ];
  } finally {
    closeSync(raw);
    await bus.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Times {
  /** Milliseconds a message, each the median of its round but the last, which is the mean. */
  readonly raw: number;
  readonly single: number;
  readonly inFlight: number;
}

async function round(bus: Bus, append: (message: Message) => void): Promise<Times> {
  const raw: number[] = [];
  const single: number[] = [];
  for (let count = 0; count < SINGLES_A_ROUND; count += 1) {
    const message = oneKilobyte();
    raw.push(await timed(async () => append(message)));
    single.push(await timed(() => bus.publish(message)));
  }
  const messages = Array.from({ length: IN_FLIGHT_A_ROUND }, oneKilobyte);
  const total = await timed(async () => {
    const lane = async (): Promise<void> => {
      for (let message = messages.pop(); message !== undefined; message = messages.pop()) await bus.publish(message);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  });
  return { raw: median(raw), single: median(single), inFlight: total / IN_FLIGHT_A_ROUND };
}

/** A request as it is published: logged, and waiting in a group. */
function oneKilobyte(): Message {
  const id = crypto.randomUUID();
  const topic = `${PREFIX}.${CATALOG['build.requested.v1'].topic}`;
  const body = { id, filling: '' };
  const filling = 'x'.repeat(MESSAGE_BYTES - JSON.stringify(body).length);
  return { id, topic, headers: { 'sent-at': '2026-11-23T17:15:00+00:00' }, body: { ...body, filling } };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** Rounded to hundredths first: what is shown is what is judged. */
function ratioRow(id: string, ratio: number, limit: number): Row {
  return atLeast(id, Math.round(ratio * 100) / 100, 'x', limit);
}
