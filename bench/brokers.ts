/** The bus on RabbitMQ and NATS against the raw clients on the same broker, in turn in one run; claims and catching up. */
import { type Bus, openBus, topology } from '../src/bus/index.js';
import { settingsOf } from '../src/library/address.js';
import { CATALOG, type Message } from '../src/messages/index.js';
import { makeVhost, vhostSkip } from '../test/support/amqp-vhost.js';
import { startNatsServer } from '../test/support/nats-server.js';
import { requireNatsServer } from '../test/support/services.js';
import { type RawClient, rawAmqp, rawNats } from './broker-clients.js';
import { atLeast, atMost, median, type Row } from './figures.js';

/** Part of the raw client's rate that the bus must reach. */
const RATIO_LIMIT = 0.7;
/** A claim taken, verified and released; and catching up with a message just stored. Milliseconds. */
const CLAIM_LIMIT_MS = 10;
const CAUGHT_UP_LIMIT_MS = 5;

const PREFIX = 'org.example.bench';
const GROUP = 'builder';
const MESSAGE_BYTES = 1_024;
const ROUNDS = 9;
const MESSAGES_A_ROUND = 1_000;
const IN_FLIGHT = 100;
const IN_HANDS = 20;
const TIMES = 101;
const MONTH_MS = 30 * 86_400_000;

interface Broker {
  readonly kind: 'amqp' | 'nats';
  readonly url: string;
  readonly raw: (url: string, prefix: string, group: string) => Promise<RawClient>;
  readonly remove: () => Promise<void>;
}

export async function brokerRows(): Promise<readonly Row[]> {
  if (vhostSkip() || requireNatsServer().skip) throw new Error('run it by `npm run bench`, which starts what it needs');
  const vhost = await makeVhost();
  const rows = await rowsOf({ kind: 'amqp', url: vhost.url, raw: rawAmqp, remove: () => vhost.remove() });
  const server = await startNatsServer();
  return [...rows, ...(await rowsOf({ kind: 'nats', url: server.url, raw: rawNats, remove: () => server.stop() }))];
}

async function rowsOf({ kind, url, raw: open, remove }: Broker): Promise<Row[]> {
  const bus = await openBus(
    settingsOf(url),
    topology({ prefix: PREFIX, git: ['#.git.receive'], gitLog: { maxAgeMs: MONTH_MS, maxBytes: 5e9 } }),
  );
  const raw = await open(url, PREFIX, GROUP);
  try {
    const ratios = { publish: [] as number[], consume: [] as number[] };
    for (let count = 0; count <= ROUNDS; count += 1) {
      // Who begins takes turns, as the broker tidies up after the one before.
      const sides = [() => ourRound(bus), () => rawRound(raw)] as const;
      const [first, second] =
        count % 2 === 0 ? [await sides[0](), await sides[1]()] : [await sides[1](), await sides[0]()];
      const [ours, theirs] = count % 2 === 0 ? [first, second] : [second, first];
      if (count === 0) continue; // Warms up.
      ratios.publish.push(theirs.publish / ours.publish);
      ratios.consume.push(theirs.consume / ours.consume);
    }
    return [
      ratioRow(`bus.${kind}.publish.ratio`, median(ratios.publish)),
      ratioRow(`bus.${kind}.consume.ratio`, median(ratios.consume)),
      atMost(`claim.${kind}.p50_ms`, median(await claims(bus)), 'ms', CLAIM_LIMIT_MS),
      atMost(`caughtup.${kind}.p50_ms`, median(await catchingUp(bus)), 'ms', CAUGHT_UP_LIMIT_MS),
    ];
  } finally {
    await raw.close();
    await bus.close();
    await remove();
  }
}

interface Times {
  readonly publish: number;
  readonly consume: number;
}

async function ourRound(bus: Bus): Promise<Times> {
  const publish = await timed(() => publishAll((message) => bus.publish(message)));
  const span = new Span(MESSAGES_A_ROUND);
  const consumer = await bus.consume(
    GROUP,
    async () => {
      span.count();
      return { kind: 'ack' };
    },
    { slots: IN_HANDS },
  );
  const consume = await span.took;
  await consumer.stop();
  return { publish, consume };
}

async function rawRound(raw: RawClient): Promise<Times> {
  const publish = await timed(() => publishAll((message) => raw.publish(message)));
  const span = new Span(MESSAGES_A_ROUND);
  await raw.consume(MESSAGES_A_ROUND, IN_HANDS, () => span.count());
  return { publish, consume: await span.took };
}

/** Milliseconds from the first of so many messages to the last: a consumer that begins, or ends, is not measured. */
class Span {
  readonly took: Promise<number>;
  #left: number;
  #begun = 0;
  #done: (milliseconds: number) => void = () => undefined;

  constructor(count: number) {
    this.#left = count;
    this.took = new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  count(): void {
    if (this.#begun === 0) this.#begun = performance.now();
    this.#left -= 1;
    if (this.#left === 0) this.#done(performance.now() - this.#begun);
  }
}

/** A round's messages, a bounded number of them on their way. */
async function publishAll(publish: (message: Message) => Promise<void>): Promise<void> {
  const messages = Array.from({ length: MESSAGES_A_ROUND }, oneKilobyte);
  const lane = async (): Promise<void> => {
    for (let message = messages.pop(); message !== undefined; message = messages.pop()) await publish(message);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

/** Milliseconds of each claim that is taken, verified and released. */
async function claims(bus: Bus): Promise<number[]> {
  const times: number[] = [];
  for (let count = 0; count < TIMES; count += 1) {
    times.push(
      await timed(async () => {
        const claim = await bus.claim(`bench-${count}`, 'bench');
        if (claim === null || !(await claim.verify())) throw new Error('a free claim was not given');
        await claim.release();
      }),
    );
  }
  return times;
}

/** Milliseconds until a follower has had what was stored just before. */
async function catchingUp(bus: Bus): Promise<number[]> {
  let last = '';
  const follower = await bus.follow('ours', 'end', (batch) => {
    last = batch.at(-1)?.message.id ?? last;
  });
  const times: number[] = [];
  for (let count = 0; count < TIMES; count += 1) {
    const message = oneKilobyte();
    await bus.publish(message);
    times.push(await timed(() => follower.caughtUp()));
    if (last !== message.id) throw new Error('caught up without the last message');
  }
  await follower.stop();
  return times;
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
function ratioRow(id: string, ratio: number): Row {
  return atLeast(id, Math.round(ratio * 100) / 100, 'x', RATIO_LIMIT);
}
