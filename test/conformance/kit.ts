/** What the conformance suite needs of an engine, and the words its cases are written in. */
import assert from 'node:assert/strict';
import {
  type Bus,
  type DeadBody,
  type Delivery,
  type LogEntry,
  type LogName,
  type LogStart,
  type Topology,
  topology,
  type Verdict,
} from '../../src/bus/index.js';
import { CATALOG, type Message, type MessageName, type RawMessage } from '../../src/messages/index.js';
import type { BusProcess } from '../support/bus-process.js';
import type { FaultyProxy, Rewrite } from '../support/faulty-proxy.js';
import { type Latch, latch, until } from '../support/until.js';

/** An engine under test: gives buses of its own, empty, to each case. What engines may differ in, they say here. */
export interface BusEngine {
  readonly name: string;
  /** Why it can't be tested here. */
  readonly skip: string | false;
  /** How often a group gets an id that was published twice: where the broker has no window of duplicates, maybe twice. */
  readonly duplicates: 'one' | 'maybe two';
  /** How exactly the time of storing is known. */
  readonly timePrecisionMs: number;
  start(): Promise<TestBus>;
  /** For the cases of networks and servers; null where there are none. */
  readonly network: NetworkEngine | null;
}

export interface NetworkEngine {
  start(): Promise<NetworkTestBus>;
  /** Why there is no server of its own here. */
  readonly skipOwn: string | false;
  /** How many cases may have a server of their own at the same time. */
  readonly ownServers: number;
  /** A bus on a server that no other case uses at that time. */
  startOwn(): Promise<NetworkTestBus>;
  /** Longer than the own server waits for an acknowledgement; milliseconds. */
  readonly patienceMs: number;
  /** Whether the server takes headers over 64 KiB, and why no stranger can be had here who sends them. */
  readonly largeHeaders: 'refused' | { readonly skip: string | false };
  /** Makes a rewrite of the server's bytes that keeps deliveries back, and nothing else. */
  readonly swallowDeliveries: () => Rewrite;
  /** Ends what `startOwn` keeps for all cases. */
  stop(): Promise<void>;
}

/** One bus (a file, a virtual host, an account) and every way to reach it. */
export interface TestBus {
  /** A connection; closed with the bus, at the latest. */
  open(topology?: Topology): Promise<Bus>;
  /** A process of its own on the same bus; killed with the bus, at the latest. */
  spawn(): Promise<BusProcess>;
  /** Puts bytes on the bus as another program would. */
  publishRaw(raw: RawMessage): Promise<void>;
  /** Throws everything away, as if someone had removed the bus and made it again; all connections are closed before. */
  makeAnew(): Promise<void>;
  /** Closes all connections, then says what of them is still there and should not be. */
  leftovers(): Promise<readonly string[]>;
  /** Closes all, kills all, removes all. */
  stop(): Promise<void>;
}

/** A bus on a server, and everything that can happen to a server and to the way there. */
export interface NetworkTestBus extends TestBus {
  /** Faults without a caller, of all connections of this process. */
  readonly faults: readonly Error[];
  open(topology?: Topology, through?: FaultyProxy): Promise<Bus>;
  spawn(through?: FaultyProxy): Promise<BusProcess>;
  proxy(): Promise<FaultyProxy>;
  /** As `makeAnew`, under the living connections. */
  makeAnewUnder(): Promise<void>;
  /** Removes all queues or streams, under the living connections. */
  removeLogs(): Promise<void>;
  /** Ends the server at once, as a crash would; only with `startOwn`. */
  kill(): Promise<void>;
  /** Starts it again with its data. */
  startAgain(): Promise<void>;
}

/** Within what time a delivery is back in its group whose process died or was cut off; milliseconds. */
export const COMES_BACK_MS = 10_000;

export const PREFIX = 'org.example.test';
const DAY_MS = 86_400_000;

const ours = (name: MessageName): string => `${PREFIX}.${CATALOG[name].topic}`;

/** The product's topology, and groups that are there for their patterns. */
export const TOPOLOGY: Topology = withGroups({
  pushes: ['#.git.receive'],
  'pushes.too': ['#.git.receive'],
  'one.word': ['*.git.receive'],
  requests: [ours('build.requested.v1')],
  everything: ['#'],
});

export function withGroups(groups: Topology['groups']): Topology {
  const base = topology({
    prefix: PREFIX,
    git: ['#.git.receive'],
    gitLog: { maxAgeMs: 30 * DAY_MS, maxBytes: 1_000_000_000 },
  });
  return { ...base, groups };
}

/** A push to git; in the log `git`, wanted by `pushes`. */
export function push(id: string, body: Message['body'] = {}): Message {
  return { id, topic: 'org.example.git.receive', headers: { 'sent-at': '2026-11-23T17:15:00+00:00' }, body };
}

/** A request; in the log `ours`, wanted by `requests`. */
export function request(id: string): Message {
  return { ...push(id), topic: ours('build.requested.v1') };
}

/** Pushes, as many as given. */
export function numbered(count: number, prefix = 'message-'): Message[] {
  return Array.from({ length: count }, (_, index) => push(`${prefix}${index}`));
}

/** A line of output; in no log. */
export function output(id: string): Message {
  return { ...push(id), topic: ours('build.output.v1') };
}

/** Runs a case on a bus of its own. The latches it asks for are open at the end at the latest: none holds up the close. */
export function on<Bus extends TestBus>(
  engine: { start(): Promise<Bus> },
  body: (bus: Bus, latch: () => Latch) => Promise<void>,
) {
  return async (): Promise<void> => {
    const bus = await engine.start();
    const latches: Latch[] = [];
    try {
      await body(bus, () => {
        const made = latch();
        latches.push(made);
        return made;
      });
    } finally {
      for (const { open } of latches) open();
      await bus.stop();
    }
  };
}

export const ACK: Verdict = { kind: 'ack' };

/** Consumes a group and writes down what comes; acknowledges unless told otherwise. */
export async function collect(
  bus: Bus,
  group: string,
  end: (delivery: Delivery) => Verdict | Promise<Verdict> = () => ACK,
  options: { readonly slots?: number; readonly maxRetries?: number } = {},
): Promise<{ readonly ids: string[]; readonly retries: number[]; stop(): Promise<void> }> {
  const ids: string[] = [];
  const retries: number[] = [];
  const consumer = await bus.consume(
    group,
    async (delivery) => {
      ids.push(delivery.message.id);
      retries.push(delivery.retries);
      return end(delivery);
    },
    { slots: 1, ...options },
  );
  return { ids, retries, stop: () => consumer.stop() };
}

export async function readAll(bus: Bus, log: LogName, from: LogStart = 'start'): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const batch of bus.read(log, from)) entries.push(...batch);
  return entries;
}

export const idsOf = (entries: readonly LogEntry[]): string[] => entries.map(({ message }) => message.id);

/** Waits for the dead letters, as many as given. */
export async function dead(bus: Bus, count: number): Promise<{ readonly entry: LogEntry; readonly body: DeadBody }[]> {
  const entries = await until(`${count} dead letters`, async () => {
    const found = await readAll(bus, 'dead');
    return found.length >= count ? found : null;
  });
  assert.equal(entries.length, count);
  return entries.map((entry) => ({ entry, body: entry.message.body as unknown as DeadBody }));
}

/** Waits until everything that a group had is settled. */
export async function settled(bus: Bus, group: string): Promise<void> {
  await until(`nothing waits in ${group}`, async () => (await bus.waiting(group)) === 0);
}
