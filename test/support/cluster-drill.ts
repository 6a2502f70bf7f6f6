/**
 * A drill on a cluster of brokers: messages are published, handled and followed, and a claim is held, while nodes are
 * killed and started again. It counts what was lost, which must be nothing.
 */
import {
  type Bus,
  type BusSettings,
  type Claim,
  type Follower,
  type LogEntry,
  openBus,
  topology,
} from '../../src/bus/index.js';
import { settingsOf } from '../../src/library/address.js';
import { CATALOG, type Message } from '../../src/messages/index.js';
import { pause } from '../../src/runtime/clock.js';
import { until } from './until.js';

/** What the drill does to a cluster (`scripts/lib/clusters.mjs` has such). */
export interface DrillCluster {
  readonly kind: 'amqp' | 'nats';
  readonly urls: readonly string[];
  clientsOn(index: number): Promise<number>;
  kill(index: number): Promise<void>;
  /** Resolves when the cluster can lose another node. */
  start(index: number): Promise<void>;
}

export interface DrillOptions {
  /** At least so many are published; publishing goes on while there are kills to come. */
  readonly messages: number;
  readonly kills: number;
  /** Which nodes are killed, and for how long, follows from it. */
  readonly seed: number;
  /** Hears what happens, for people. */
  readonly say?: (line: string) => void;
}

export interface DrillReport {
  readonly published: number;
  /** Publishes that resolved. */
  readonly confirmed: number;
  /** Publishes that threw, with the codes they threw. */
  readonly refused: number;
  readonly refusals: readonly string[];
  /** Different messages that the group handled. */
  readonly handled: number;
  /** Confirmed, and never handled or not on the log: none, or the bus has broken its word. */
  readonly lost: readonly string[];
  /** Handled more than once. */
  readonly duplicates: number;
  /** Stored more than once. */
  readonly storedTwice: number;
  /** What one lane published later and the log has earlier. */
  readonly outOfOrder: readonly string[];
  /** Null: the follower got exactly what is on the log, in its order. */
  readonly followerFault: string | null;
  readonly deadLetters: number;
  /** The longest time without a publish that resolved, and without a message handled; milliseconds. */
  readonly longestGapMs: { readonly publishing: number; readonly handling: number };
  /** How long it took after each kill until somebody held the claim again, or was found to hold it still; milliseconds. */
  readonly claimAwayMs: readonly number[];
  /** Times that a claim was given while its holder was assured of holding it: none. */
  readonly heldTwice: number;
  /** How often connections broke, of all. */
  readonly breaks: number;
  readonly durationMs: number;
}

const PREFIX = 'org.example.cluster';
const TOPIC = `${PREFIX}.${CATALOG['build.requested.v1'].topic}`;
const GROUP = 'requests';
const KEY = 'build.1';
const DAY_MS = 86_400_000;
const TOPOLOGY = {
  ...topology({ prefix: PREFIX, git: ['#.git.receive'], gitLog: { maxAgeMs: DAY_MS, maxBytes: 1e9 } }),
  groups: { [GROUP]: [TOPIC] },
};

/** Who publishes at the same time, one message after the other, and the pause of each between two; milliseconds. */
const LANES = 3;
const PACE_MS = 5;
const SLOTS = 4;
/** So many confirmed one after the other are a stream. */
const STREAM = 50;
/** How long a killed node stays away: at least, and so much more by chance; milliseconds. */
const AWAY_MS = { least: 500, more: 2_500 } as const;
/** Within what time all goes on after a kill; milliseconds. */
const BACK_MS = 60_000;

/** Runs it. Throws when something does not go on again in time; what was lost is in the report. */
export async function drill(cluster: DrillCluster, options: DrillOptions): Promise<DrillReport> {
  const began = performance.now();
  const buses: Bus[] = [];
  const open = async (): Promise<Bus> => {
    const bus = await openBus(settings(cluster), TOPOLOGY, { onFault: () => undefined });
    buses.push(bus);
    return bus;
  };
  try {
    const [publisher, consumer, follows] = [await open(), await open(), await open()];
    const handling = new Handling();
    await consumer.consume(GROUP, async ({ message }) => handling.count(message.id), { slots: SLOTS, maxRetries: 0 });
    const followed: string[] = [];
    const follower = await follows.follow('ours', 'start', (batch) => void followed.push(...idsOf(batch)));
    const claims = new ClaimWatch([publisher, follows]);
    await claims.settle();

    const publishing = new Publishing(publisher);
    try {
      await killAll(cluster, options, publishing, claims);
      await publishing.reach(options.messages);
    } finally {
      await publishing.stop();
    }

    // Who waits in vain is told by the report what is lost.
    await until('all are handled', () => handling.hasAll(publishing.confirmed), BACK_MS).catch(() => undefined);
    const ended = await follower.caughtUp().then(
      () => null,
      () => reasonOf(follower),
    );
    const reader = await open();
    const stored = idsOf(await readAll(reader, 'ours'));
    const dead = await readAll(reader, 'dead');
    const storedOnce = new Set(stored);
    return {
      published: publishing.published,
      confirmed: publishing.confirmed.size,
      refused: publishing.published - publishing.confirmed.size,
      refusals: [...publishing.refusals],
      handled: handling.ids.size,
      lost: [...publishing.confirmed].filter((id) => !handling.ids.has(id) || !storedOnce.has(id)),
      duplicates: handling.times - handling.ids.size,
      storedTwice: stored.length - storedOnce.size,
      outOfOrder: outOfOrder([...storedOnce].filter((id) => publishing.confirmed.has(id))),
      followerFault: ended ?? difference(followed, stored),
      deadLetters: dead.length,
      longestGapMs: { publishing: publishing.gaps.longest, handling: handling.gaps.longest },
      claimAwayMs: claims.awayMs,
      heldTwice: claims.heldTwice,
      breaks: buses.reduce((sum, bus) => sum + bus.term(), 0),
      durationMs: Math.round(performance.now() - began),
    };
  } finally {
    await Promise.all(buses.map((bus) => bus.close()));
  }
}

function settings({ kind, urls }: DrillCluster): BusSettings {
  return settingsOf(kind === 'amqp' ? { kind, urls } : { kind, servers: urls, replicas: urls.length });
}

/** Kills one node after the other in mid-stream: first the one that has most clients, then any. */
async function killAll(
  cluster: DrillCluster,
  { messages, kills, seed, say = () => undefined }: DrillOptions,
  publishing: Publishing,
  claims: ClaimWatch,
): Promise<void> {
  const random = randomFrom(seed);
  for (let kill = 1; kill <= kills; kill += 1) {
    // Spread over all, and never before the last one is got over.
    const from = Math.max(publishing.confirmed.size + STREAM, Math.floor((kill * messages) / (kills + 1)));
    await publishing.reach(from);
    const index = kill === 1 ? await busiest(cluster) : Math.floor(random() * cluster.urls.length);
    await cluster.kill(index);
    const comesBack = async (): Promise<void> => {
      await pause(AWAY_MS.least + random() * AWAY_MS.more);
      await cluster.start(index);
    };
    const [claimAway] = await Promise.all([claims.settle(), comesBack()]);
    await publishing.reach(publishing.confirmed.size + STREAM);
    say(`kill ${kill} of ${kills}: node ${index + 1}; the claim was sure again after ${claimAway} ms`);
  }
}

/** A broker's own count of its clients may come some seconds after them. */
async function busiest(cluster: DrillCluster): Promise<number> {
  const { index } = await until('the brokers know of clients', async () => {
    const counts = await Promise.all(cluster.urls.map((_, one) => cluster.clientsOn(one)));
    const most = Math.max(...counts);
    return most > 0 ? { index: counts.indexOf(most) } : null;
  });
  return index;
}

/** Lanes that publish from now on, until told to stop. */
class Publishing {
  readonly confirmed = new Set<string>();
  readonly refusals = new Set<string>();
  readonly gaps = new Gaps();
  readonly #bus: Bus;
  readonly #lanes: Promise<unknown>;
  #published = 0;
  #stopped = false;

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#lanes = Promise.all(Array.from({ length: LANES }, (_, lane) => this.#run(lane)));
  }

  get published(): number {
    return this.#published;
  }

  /** Waits until so many are confirmed; throws when none is for a minute. */
  async reach(count: number): Promise<void> {
    while (this.confirmed.size < count) {
      const seen = this.confirmed.size;
      await until('a publish resolves', () => this.confirmed.size > seen, BACK_MS);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#lanes;
  }

  async #run(lane: number): Promise<void> {
    for (let count = 0; !this.#stopped; count += 1) {
      const id = `${lane}-${count}`;
      this.#published += 1;
      try {
        await this.#bus.publish(request(id));
        this.confirmed.add(id);
        this.gaps.mark();
      } catch (thrown) {
        // A publish that was refused may be stored or not; the next one is another message.
        this.refusals.add(String((thrown as { code?: unknown }).code ?? thrown));
      }
      await pause(PACE_MS);
    }
  }
}

class Handling {
  readonly ids = new Set<string>();
  readonly gaps = new Gaps();
  times = 0;

  count(id: string): { kind: 'ack' } {
    this.ids.add(id);
    this.times += 1;
    this.gaps.mark();
    return { kind: 'ack' };
  }

  hasAll(ids: ReadonlySet<string>): boolean {
    for (const id of ids) if (!this.ids.has(id)) return false;
    return true;
  }
}

class Gaps {
  longest = 0;
  #last: number | null = null;

  mark(): void {
    const now = performance.now();
    if (this.#last !== null) this.longest = Math.max(this.longest, Math.round(now - this.#last));
    this.#last = now;
  }
}

/** Sees that one of two holds a claim, and never both. */
class ClaimWatch {
  readonly awayMs: number[] = [];
  heldTwice = 0;
  readonly #buses: readonly Bus[];
  #held: { readonly claim: Claim; readonly bus: Bus } | null = null;

  constructor(buses: readonly Bus[]) {
    this.#buses = buses;
  }

  /** Waits until the claim is held by somebody who was assured of it; gives how long that took, in milliseconds. */
  async settle(): Promise<number> {
    const began = performance.now();
    await until('the claim is held again', () => this.#look().catch(() => false), BACK_MS);
    const took = Math.round(performance.now() - began);
    this.awayMs.push(took);
    return took;
  }

  async #look(): Promise<boolean> {
    const held = this.#held;
    if (held !== null && (await held.claim.verify())) {
      for (const other of this.#buses) if (other !== held.bus) await this.#mustNotHave(other, held.claim);
      return true;
    }
    for (const bus of this.#buses) {
      const claim = await bus.claim(KEY, 'the drill');
      if (claim === null) continue;
      this.#held = { claim, bus };
      return false; // Held when it is verified.
    }
    return false;
  }

  async #mustNotHave(bus: Bus, of: Claim): Promise<void> {
    const second = await bus.claim(KEY, 'the drill');
    if (second === null) return;
    if (await of.verify()) this.heldTwice += 1;
    await second.release();
  }
}

/** Ids whose lane published them before others that the log has earlier. `ids`: in the order of the log, once each. */
function outOfOrder(ids: readonly string[]): string[] {
  const last = new Map<string, number>();
  return ids.filter((id) => {
    const [lane = '', count = ''] = id.split('-');
    const before = last.get(lane) ?? -1;
    last.set(lane, Math.max(before, Number(count)));
    return Number(count) < before;
  });
}

function difference(followed: readonly string[], stored: readonly string[]): string | null {
  const at = stored.findIndex((id, index) => followed[index] !== id);
  if (at >= 0) return `entry ${at} of the log is ${stored[at]}, and the follower got ${followed[at] ?? 'nothing'}`;
  return followed.length === stored.length
    ? null
    : `the follower got ${followed.length} entries, and the log has ${stored.length}`;
}

async function reasonOf(follower: Follower): Promise<string> {
  try {
    await follower.stopped;
    return 'the follower stopped';
  } catch (thrown) {
    return `the follower stopped: ${String(thrown)}`;
  }
}

async function readAll(bus: Bus, log: 'ours' | 'dead'): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const batch of bus.read(log, 'start')) entries.push(...batch);
  return entries;
}

const idsOf = (entries: readonly LogEntry[]): string[] => entries.map(({ message }) => message.id);

function request(id: string): Message {
  return { id, topic: TOPIC, headers: { 'sent-at': new Date().toISOString() }, body: {} };
}

/** Numbers from 0 to 1 that are the same for the same seed (a linear congruential generator, as in Numerical Recipes). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
