import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  DiscardPolicy,
  nanos,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from 'nats';
import { ServiceError } from '../../kernel/service-error.js';
import { CATALOG, type MessageName, topicOf } from '../../messages/index.js';
import { pause } from '../../runtime/clock.js';
import type { Topology } from '../contract.js';
import type { NatsSettings } from '../settings.js';
import { CLAIM_TTL_MS } from './claims.js';
import type { Link } from './connect.js';
import { API, apiCode } from './faults.js';
import type { Names } from './names.js';
import { isEverything, overlap, subjectsOf } from './subjects.js';

/**
 * How long a delivery may go without a sign of life before others get it; milliseconds. A message must be free within
 * ten seconds of its holder's death (design, section 3).
 */
export const ACK_WAIT_MS = 6_000;
/** How long the server knows the ids of what it stored; milliseconds. */
const DUPLICATE_WINDOW_MS = 120_000;
/** Looks for a stream that another process is just making, and milliseconds between them. */
const BEING_MADE = { looks: 10, eachMs: 100 } as const;
/** Pull requests that may wait at a group's consumer, of all processes together. */
const MAX_WAITING = 4_096;

type Wanted = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'subjects'>;

/** One durable consumer of a group. */
export interface LegPlan {
  readonly stream: string;
  readonly durable: string;
  /** Empty: the client leaves out what the group does not want. */
  readonly filter: string;
  readonly retry: boolean;
}

/** Everything that a topology needs on the server. Pure. Throws `bus_incompatible` for patterns that NATS can't keep. */
export class Plan {
  readonly names: Names;
  readonly settings: Pick<NatsSettings, 'replicas' | 'passiveDeclares'>;
  readonly streams: readonly Wanted[];
  readonly #topology: Topology;
  readonly #gitSubjects: readonly string[];
  readonly #ourTopics: readonly string[];

  constructor(topology: Topology, names: Names, settings: Pick<NatsSettings, 'replicas' | 'passiveDeclares'>) {
    this.names = names;
    this.settings = settings;
    this.#topology = topology;
    this.#ourTopics = (Object.keys(CATALOG) as MessageName[])
      .filter((name) => CATALOG[name].logged)
      .map((name) => topicOf(topology.prefix, name));
    this.#gitSubjects = gitSubjects(topology, [
      ...this.#ourTopics,
      names.retrySubjects,
      names.deadSubject,
      names.claimSubjects,
    ]);
    this.streams = this.#wanted();
  }

  get groups(): readonly string[] {
    return Object.keys(this.#topology.groups);
  }

  hasGit(): boolean {
    return this.#gitSubjects.length > 0;
  }

  /** A group's consumers, in the order in which they are asked: what is due again, pushes, then our own messages. */
  legsOf(group: string): readonly LegPlan[] {
    const subjects = subjectsOf(this.#topology.groups[group] ?? []);
    const durable = this.names.durable(group);
    const touches = (stream: readonly string[]): boolean =>
      stream.some((one) => subjects.some((other) => overlap(one, other)));
    const filter = subjects.length === 1 && subjects[0] !== undefined && subjects[0] !== '>' ? subjects[0] : '';
    const logs = [
      ...(touches(this.#gitSubjects) ? [this.names.git] : []),
      ...(touches(this.#ourTopics) ? [this.names.ours] : []),
    ];
    return [
      { stream: this.names.retry, durable, filter: this.names.retrySubject(group), retry: true },
      ...logs.map((stream) => ({ stream, durable, filter, retry: false })),
    ];
  }

  #wanted(): Wanted[] {
    const { names } = this;
    const common = {
      storage: StorageType.File,
      num_replicas: this.settings.replicas,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      allow_direct: false,
      max_age: 0,
      max_bytes: -1,
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    };
    const { maxAgeMs, maxBytes } = this.#topology.gitLog;
    return [
      { ...common, name: names.ours, subjects: [...this.#ourTopics] },
      ...(this.hasGit()
        ? [
            {
              ...common,
              name: names.git,
              subjects: [...this.#gitSubjects],
              max_age: nanos(maxAgeMs),
              max_bytes: maxBytes,
              duplicate_window: nanos(Math.min(DUPLICATE_WINDOW_MS, maxAgeMs)),
            },
          ]
        : []),
      { ...common, name: names.retry, subjects: [names.retrySubjects], retention: RetentionPolicy.Workqueue },
      { ...common, name: names.dead, subjects: [names.deadSubject] },
      {
        ...common,
        name: names.claims,
        subjects: [names.claimSubjects],
        max_msgs_per_subject: 1,
        max_age: nanos(CLAIM_TTL_MS),
        duplicate_window: nanos(CLAIM_TTL_MS),
        discard: DiscardPolicy.New,
        allow_rollup_hdrs: true,
        deny_delete: true,
      },
    ];
  }
}

function gitSubjects(topology: Topology, ours: readonly string[]): string[] {
  const subjects = subjectsOf(topology.git);
  const all = subjects.find(isEverything);
  if (all !== undefined) {
    throw new ServiceError(
      'bus_incompatible',
      `the git topics ${topology.git.join(', ')} would need a stream of everything, which NATS does not keep; ` +
        'name the topics more exactly, as `#.git.receive`',
    );
  }
  for (const subject of subjects) {
    const topic = ours.find((one) => overlap(one, subject));
    if (topic !== undefined) {
      throw new ServiceError(
        'bus_incompatible',
        `the git topics ${topology.git.join(', ')} take in our own subject ${topic}; NATS keeps a subject in one stream only`,
      );
    }
  }
  return subjects;
}

/** Makes what is missing and looks at what is there; with passive declares only looks. Throws `bus_incompatible`. */
export async function declare(link: Link, plan: Plan): Promise<void> {
  try {
    await Promise.all(plan.streams.map((wanted) => declareStream(link, plan, wanted)));
    await Promise.all(plan.groups.flatMap((group) => plan.legsOf(group).map((leg) => declareLeg(link, plan, leg))));
  } catch (thrown) {
    throw link.errorOf(thrown);
  }
}

async function declareStream(link: Link, plan: Plan, wanted: Wanted): Promise<void> {
  const { passiveDeclares } = plan.settings;
  const found = await streamInfo(link, wanted.name);
  if (found === null && passiveDeclares) throw missing(`the stream ${wanted.name}`);
  const info = found ?? (await makeStream(link, wanted));
  const difference = streamDifference(info.config, wanted);
  if (difference !== null) throw differs(`the stream ${wanted.name}`, difference, `nats stream edit ${wanted.name}`);
  const lacking = wanted.subjects.filter((subject) => !info.config.subjects.includes(subject));
  if (lacking.length === 0) return;
  if (passiveDeclares)
    throw differs(`the stream ${wanted.name}`, `it lacks the subjects ${lacking.join(', ')}`, 'nats stream edit');
  await link.jsm.streams.update(wanted.name, { subjects: [...info.config.subjects, ...lacking] });
}

/**
 * Makes a stream, or finds it when another process was quicker, which may have had other wishes. While a stream is made,
 * its subjects are taken before its name is (nats-server 2.9): who asks for the same one is told that another keeps them.
 */
async function makeStream(link: Link, wanted: Wanted): Promise<StreamInfo> {
  for (let looks = 1; ; looks += 1) {
    try {
      return await link.jsm.streams.add(wanted);
    } catch (thrown) {
      const code = apiCode(thrown);
      if (code === API.noStorage) throw noRoom(link.place, wanted, thrown);
      if (code !== API.streamInUse && code !== API.subjectsOverlap) throw thrown;
      const made = await streamInfo(link, wanted.name);
      if (made !== null) return made;
      if (looks === BEING_MADE.looks) throw thrown;
      await pause(BEING_MADE.eachMs);
    }
  }
}

/**
 * Null when a stream that is there serves. Subjects are added to, so they are not compared; nor are replicas: an
 * operator may have changed them, and a program beside the service does not know them.
 */
export function streamDifference(there: StreamConfig, wanted: Wanted): string | null {
  const fields = ['retention', 'storage', 'max_age', 'max_bytes', 'max_msgs_per_subject'] as const;
  for (const field of fields) {
    const [has, needs] = [there[field], wanted[field]];
    if (needs === undefined || has === needs || (isUnlimited(has) && isUnlimited(needs))) continue;
    return `its ${field} is ${String(has)}, and ${String(needs)} is wanted`;
  }
  for (const field of ['max_msgs', 'max_msg_size'] as const) {
    if (!isUnlimited(there[field])) return `it has the limit ${field} ${there[field]}, which would lose messages`;
  }
  return there.sealed ? 'it is sealed' : null;
}

function isUnlimited(value: unknown): boolean {
  return value === undefined || value === 0 || value === -1;
}

async function declareLeg(link: Link, plan: Plan, leg: LegPlan): Promise<void> {
  const what = `the consumer ${leg.durable} of the stream ${leg.stream}`;
  let info = await consumerInfo(link, leg);
  if (info === null && plan.settings.passiveDeclares) throw missing(what);
  info ??= await addConsumer(link, leg);
  const difference = consumerDifference(info.config, leg);
  if (difference !== null) throw differs(what, difference, `nats consumer rm ${leg.stream} ${leg.durable}`);
}

/**
 * By the API that has no filter in its subject, where the client would take the other one: a stream of git topics that
 * begin with `*` would keep that very request, and answer it.
 */
async function addConsumer(link: Link, leg: LegPlan): Promise<ConsumerInfo> {
  const config = {
    durable_name: leg.durable,
    ack_policy: AckPolicy.Explicit,
    // A new group starts at now; what waits for a retry is the group's own.
    deliver_policy: leg.retry ? DeliverPolicy.All : DeliverPolicy.New,
    replay_policy: ReplayPolicy.Instant,
    ack_wait: nanos(ACK_WAIT_MS),
    max_deliver: -1,
    max_ack_pending: -1,
    max_waiting: MAX_WAITING,
    ...(leg.filter === '' ? {} : { filter_subject: leg.filter }),
  };
  return link.askApi<ConsumerInfo>(`CONSUMER.DURABLE.CREATE.${leg.stream}.${leg.durable}`, {
    stream_name: leg.stream,
    config,
  });
}

function consumerDifference(there: ConsumerConfig, leg: LegPlan): string | null {
  if (there.deliver_subject) return 'it is a push consumer';
  if (there.ack_policy !== AckPolicy.Explicit) return `its ack policy is ${there.ack_policy}, not explicit`;
  const filter = there.filter_subject ?? '';
  if (filter !== leg.filter) {
    return `its patterns have changed: it is filtered by ${filter || 'nothing'}, and ${leg.filter || 'nothing'} is wanted`;
  }
  if ((there.max_deliver ?? -1) > 0) return `it gives a message up after ${there.max_deliver} deliveries`;
  return null;
}

const missing = (what: string): ServiceError =>
  new ServiceError('bus_incompatible', `${what} is missing, and passive_declares forbids to make it`);

/** A stream with a bound has all of it reserved when it is made. */
function noRoom(place: string, { name, max_bytes: most = -1 }: Wanted, cause: unknown): ServiceError {
  const reserves = most > 0 ? ` of ${most} bytes, which it reserves (git_log.max_bytes)` : '';
  return new ServiceError(
    'bus_unavailable',
    `the NATS server at ${place} has no storage left for the stream ${name}${reserves}`,
    { transient: true, cause },
  );
}

const differs = (what: string, difference: string, wayOut: string): ServiceError =>
  new ServiceError(
    'bus_incompatible',
    `${what} is not as it must be: ${difference}; change the configuration, or see \`${wayOut}\``,
  );

/** Null when there is none. */
export async function streamInfo(link: Link, name: string): Promise<StreamInfo | null> {
  try {
    return await link.jsm.streams.info(name);
  } catch (thrown) {
    if (apiCode(thrown) === API.streamNotFound) return null;
    throw link.errorOf(thrown);
  }
}

/** Null when there is none. */
export async function consumerInfo(link: Link, leg: Pick<LegPlan, 'stream' | 'durable'>): Promise<ConsumerInfo | null> {
  try {
    return await link.jsm.consumers.info(leg.stream, leg.durable);
  } catch (thrown) {
    const code = apiCode(thrown);
    if (code === API.consumerNotFound || code === API.streamNotFound) return null;
    throw link.errorOf(thrown);
  }
}
