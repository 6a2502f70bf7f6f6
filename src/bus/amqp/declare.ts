import type { Channel, ChannelModel, Options } from 'amqplib';
import { CATALOG, type MessageName, topicOf } from '../../messages/index.js';
import type { LogName, Topology } from '../contract.js';
import { RETRY_LADDER_MS } from '../retry-ladder.js';
import { closeChannel } from './close.js';
import { amqpFault } from './faults.js';
import { type Names, TOPIC_EXCHANGE } from './names.js';

/**
 * Crashes and lost connections must never bury a message: only verdicts do (design, section 3). Without a limit of our
 * own, a newer broker's default of 20 would hold.
 */
const DELIVERY_LIMIT = 1_000_000;
/** A stream forgets whole segments: the log `git` is made of at least so many. Bytes; the largest is the broker's default. */
const GIT_SEGMENTS = 10;
const SEGMENT_BYTES = { least: 1_000_000, most: 500_000_000 } as const;

/** Times that a message may wait in one go, in milliseconds: each is a queue of each group. A shorter wait is rounded up. */
export const WAITS_MS = [100, ...RETRY_LADDER_MS] as const;

const LOGS: readonly LogName[] = ['ours', 'git', 'dead'];

/** One queue or stream of the topology, and the topics that are bound to it. */
interface Declared {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number>>;
  readonly topics: readonly string[];
}

/** What every process declares before it does anything else: what is there as it should be is left alone. */
export class Declarations {
  readonly #names: Names;
  readonly #passive: boolean;
  /** What is declared one after the other; the lists at the same time. */
  readonly #lists: readonly (readonly Declared[])[];

  /** `passive`: only look whether all is there. */
  constructor(names: Names, topology: Topology, passive: boolean) {
    this.#names = names;
    this.#passive = passive;
    const groups = Object.entries(topology.groups);
    this.#lists = [
      [
        ...logsOf(names, topology),
        ...groups.map(([group, topics]) => ({
          name: names.group(group),
          arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT },
          topics,
        })),
      ],
      ...groups.map(([group]) => waitsOf(names, group)),
    ];
  }

  /** Throws `bus_incompatible`, `bus_denied`, `bus_unavailable`. */
  async declare(model: ChannelModel): Promise<void> {
    await this.#onChannel(model, async (channel) => {
      if (this.#passive) await channel.checkExchange(this.#names.direct);
      else await channel.assertExchange(this.#names.direct, 'direct', { durable: true });
    });
    await Promise.all(this.#lists.map((list) => this.#onChannel(model, (channel) => this.#declareAll(channel, list))));
  }

  async #declareAll(channel: Channel, list: readonly Declared[]): Promise<void> {
    for (const { name, arguments: args, topics } of list) {
      if (this.#passive) {
        await channel.checkQueue(name);
        continue;
      }
      await this.#queue(channel, name, args);
      for (const topic of topics) await channel.bindQueue(name, TOPIC_EXCHANGE, topic);
    }
  }

  async #queue(channel: Channel, name: string, args: Declared['arguments']): Promise<void> {
    const options: Options.AssertQueue = { durable: true, arguments: args };
    await channel.assertQueue(name, options);
    await channel.bindQueue(name, this.#names.direct, name);
  }

  /** On a channel of its own: a refusal closes it. */
  async #onChannel(model: ChannelModel, work: (channel: Channel) => Promise<void>): Promise<void> {
    let reason: unknown = null;
    try {
      const channel = await model.createChannel();
      channel.on('error', (error: Error) => {
        reason = error;
      });
      await work(channel);
      await closeChannel(channel);
    } catch (thrown) {
      throw amqpFault(reason ?? thrown, this.#names.place);
    }
  }
}

function logsOf(names: Names, topology: Topology): Declared[] {
  const { maxAgeMs, maxBytes } = topology.gitLog;
  const stream = { 'x-queue-type': 'stream' };
  const logs: Record<LogName, Omit<Declared, 'name'> | null> = {
    ours: { arguments: stream, topics: loggedTopics(topology.prefix) },
    git:
      topology.git.length === 0
        ? null
        : {
            arguments: {
              ...stream,
              'x-max-age': `${Math.max(1, Math.ceil(maxAgeMs / 1_000))}s`,
              'x-max-length-bytes': maxBytes,
              'x-stream-max-segment-size-bytes': segmentBytes(maxBytes),
            },
            topics: topology.git,
          },
    dead: { arguments: stream, topics: [] },
  };
  return LOGS.flatMap((log) => {
    const declared = logs[log];
    return declared === null ? [] : [{ name: names.log(log), ...declared }];
  });
}

function loggedTopics(prefix: string): string[] {
  const names = Object.keys(CATALOG) as MessageName[];
  return names.filter((name) => CATALOG[name].logged).map((name) => topicOf(prefix, name));
}

export function segmentBytes(maxBytes: number): number {
  const { least, most } = SEGMENT_BYTES;
  return Math.min(most, Math.max(least, Math.ceil(maxBytes / GIT_SEGMENTS)));
}

/** The queues where messages of a group may wait. */
export function waitQueues(names: Names, group: string): string[] {
  return WAITS_MS.map((ms) => names.wait(group, ms));
}

function waitsOf(names: Names, group: string): Declared[] {
  return WAITS_MS.map((ms) => ({
    name: names.wait(group, ms),
    arguments: {
      'x-queue-type': 'quorum',
      'x-message-ttl': ms,
      'x-dead-letter-exchange': names.direct,
      'x-dead-letter-routing-key': names.group(group),
      // A full or unreachable target must not lose what has waited: it stays here until it is taken over.
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
      'x-delivery-limit': DELIVERY_LIMIT,
    },
    topics: [],
  }));
}
