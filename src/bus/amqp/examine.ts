import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Channel, ChannelModel } from 'amqplib';
import { toError } from '../../kernel/service-error.js';
import type { BusFinding } from '../contract.js';
import { type AmqpSettings, withoutSecrets } from '../settings.js';
import { closeChannel, closeConnection } from './close.js';
import { connectAmqp, serverOf } from './connect.js';
import { amqpFault } from './faults.js';
import { Management, type ManagementLogin } from './management.js';
import { fine, flagFindings, nodeFindings, queueFindings, unseen } from './management-findings.js';
import { type Names, TOPIC_EXCHANGE } from './names.js';

/** How long the broker may take to give a message back, and how long it may hold up what it blocks; milliseconds. */
const RETURN_PATIENCE_MS = 2_000;
const HEARTBEAT_S = 10;

/** What the API shows of queues at most, and of each. */
const QUEUE_PAGE = 'page=1&page_size=500&use_regex=true';
const QUEUE_COLUMNS = 'name,type,members,online,policy,operator_policy,effective_policy_definition';
const NODE_COLUMNS = 'name,running,partitions,mem_alarm,disk_free_alarm,disk_free';

export interface ExamineParts {
  readonly settings: AmqpSettings;
  readonly names: Names;
  /** Why the broker takes no messages; null when it takes them. */
  readonly blocked: () => string | null;
}

/** One look at a broker: over a connection of its own, and over the management API where one is configured. */
export async function examineAmqp(parts: ExamineParts): Promise<readonly BusFinding[]> {
  const [broker, api] = await Promise.all([lookAtBroker(parts), lookAtManagement(parts)]);
  return [...transportFindings(parts.settings), ...broker, ...api, ...notSeen()];
}

/** A password that travels in the clear, on a way that others can listen to. */
export function transportFindings(settings: Pick<AmqpSettings, 'urls'>): BusFinding[] {
  const plain = settings.urls.filter((text) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    return url?.protocol === 'amqp:' && !isLoopback(url.hostname);
  });
  if (plain.length === 0) return [];
  const text = `passwords and messages travel in the clear to ${plain.map(withoutSecrets).join(', ')}`;
  return [{ name: 'transport', status: 'warn', text, advice: 'Use amqps:// and `bus.tls`.' }];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);
}

async function lookAtBroker({ settings, names, blocked }: ExamineParts): Promise<BusFinding[]> {
  let model: ChannelModel;
  try {
    model = await connectAmqp(settings, { heartbeatS: HEARTBEAT_S, name: 'layerwright doctor' });
  } catch (thrown) {
    const text = amqpFault(thrown, names.place).message;
    return [{ name: 'broker', status: 'fault', text, advice: 'Mend `bus` in the configuration, or the broker.' }];
  }
  try {
    const answers = fine('broker', `${serverOf(model)} answers at ${names.place}`);
    const known = blocked();
    if (known !== null) return [answers, alarmed(known)];
    const rights = rightsFindings(model, names);
    return [answers, ...(await Promise.race([rights, alarmOf(model)]))];
  } finally {
    await closeConnection(model);
  }
}

/** A broker with an alarm reads nothing more from a connection that has published: no probe on it ends. */
function alarmOf(model: ChannelModel): Promise<BusFinding[]> {
  return new Promise((resolve) => {
    model.once('blocked', (reason: string) => resolve([alarmed(reason)]));
  });
}

function alarmed(reason: string): BusFinding {
  const text = `the broker takes no messages: ${reason}; its rights were not looked at`;
  return { name: 'alarm', status: 'fault', text, advice: "Make room in the broker's memory or on its disk." };
}

interface Probe {
  readonly name: string;
  /** The rights of RabbitMQ that it takes. */
  readonly needs: string;
  readonly run: (channel: Channel) => Promise<unknown>;
}

/** Tries what every role does, on a queue of its own that goes with the connection. */
async function rightsFindings(model: ChannelModel, names: Names): Promise<BusFinding[]> {
  const queue = names.claim(`doctor.${randomUUID()}`);
  const probes: readonly Probe[] = [
    {
      name: 'make queues',
      needs: 'configure on the queue',
      run: (channel) => channel.assertQueue(queue, { exclusive: true, durable: false }),
    },
    {
      name: 'bind to our exchange',
      needs: 'write on the queue, read on the exchange',
      run: (channel) => channel.bindQueue(queue, names.direct, queue),
    },
    {
      name: 'bind to the topics',
      needs: 'write on the queue, read on the exchange',
      run: (channel) => channel.bindQueue(queue, TOPIC_EXCHANGE, queue),
    },
    {
      name: 'consume',
      needs: 'read on the queue',
      run: (channel) => channel.consume(queue, () => undefined, { noAck: true }),
    },
    {
      name: 'publish to our exchange',
      needs: 'write on the exchange',
      run: (channel) => publishNowhere(channel, names),
    },
  ];
  const faults: BusFinding[] = [];
  for (const { name, needs, run } of probes) {
    const refused = await tryOn(model, run);
    if (refused === null) continue;
    const text = amqpFault(refused, names.place).message;
    const advice = `It needs ${needs}; docs/operations.md lists the rights.`;
    faults.push({ name: `right to ${name}`, status: 'fault', text, advice });
    // Without its queue the other probes say nothing.
    if (faults.length === 1 && run === probes[0]?.run) break;
  }
  if (faults.length > 0) return faults;
  const text = `the rights to configure, write and read ${names.root}.… are there, and to read ${TOPIC_EXCHANGE}`;
  return [fine('permissions', `${text}; that to write to it was not tried: others would get the message`)];
}

/** Each on a channel of its own, as a refusal closes it. Gives what was thrown; null when all went well. */
async function tryOn(model: ChannelModel, probe: (channel: Channel) => Promise<unknown>): Promise<Error | null> {
  try {
    const channel = await model.createChannel();
    let reason: Error | null = null;
    channel.on('error', (error: Error) => {
      reason = error;
    });
    try {
      await probe(channel);
    } catch (thrown) {
      return reason ?? toError(thrown);
    }
    await closeChannel(channel);
    return null;
  } catch (thrown) {
    return toError(thrown);
  }
}

/** Publishes to our exchange, to nobody; the broker gives the message back, or closes the channel. */
async function publishNowhere(channel: Channel, { direct, root }: Names): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const late = (): void => reject(new Error('the broker does not give back what nobody gets'));
      timer = setTimeout(late, RETURN_PATIENCE_MS);
      channel.once('return', () => resolve());
      channel.once('close', () => reject(new Error('Channel closed')));
      channel.publish(direct, `${root}.nobody.${randomUUID()}`, Buffer.alloc(0), { mandatory: true });
    });
  } finally {
    clearTimeout(timer);
  }
}

async function lookAtManagement({ settings, names }: ExamineParts): Promise<BusFinding[]> {
  if (settings.managementUrl === null) {
    const text = 'alarms, nodes, replicas and policies were not looked at: no management API is configured';
    return [{ name: 'management', status: 'warn', text, advice: 'Set `bus.management_url` to have them looked at.' }];
  }
  let api: Management;
  let vhost: string;
  try {
    api = new Management(settings.managementUrl, await loginOf(settings));
    vhost = vhostOf(settings);
  } catch (thrown) {
    return [unseen('anything', toError(thrown).message)];
  }
  const [nodes, queues, flags] = await Promise.all([
    api.get(`nodes?columns=${NODE_COLUMNS}`),
    api.get(
      `queues/${encodeURIComponent(vhost)}?${QUEUE_PAGE}&name=${encodeURIComponent(patternOf(names))}&columns=${QUEUE_COLUMNS}`,
    ),
    api.get('feature-flags'),
  ]);
  const size = nodes.ok && Array.isArray(nodes.value) ? nodes.value.length : 1;
  return [
    ...(nodes.ok ? nodeFindings(nodes.value) : [unseen('nodes and alarms', nodes.error)]),
    ...(queues.ok ? queueFindings(queues.value, names.root, size) : [unseen('queues', queues.error)]),
    // Only administrators may see the flags: nobody should be asked to make doctor one.
    ...(flags.ok ? flagFindings(flags.value) : []),
  ];
}

function patternOf({ root }: Names): string {
  return `^${root.replace(/[^\w-]/g, '\\$&')}\\.`;
}

function vhostOf({ urls }: AmqpSettings): string {
  const path = decodeURIComponent(new URL(urls[0] ?? '').pathname.slice(1));
  return path === '' ? '/' : path;
}

/** The bus's own user, as far as it has one: `guest` is what a broker on this machine takes. */
async function loginOf({ urls, credentials }: AmqpSettings): Promise<ManagementLogin> {
  const url = new URL(urls[0] ?? '');
  if (url.password !== '') {
    return { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  }
  if (credentials === null) return { user: 'guest', password: 'guest' };
  const [user, password] = await Promise.all(
    [credentials.userFile, credentials.passwordFile].map((path) => readFile(path, 'utf8')),
  );
  return { user: (user ?? '').trim(), password: (password ?? '').trim() };
}

/** What no broker tells anybody from outside. */
function notSeen(): BusFinding[] {
  const text =
    'a broker does not show cluster_partition_handling (set pause_minority in a cluster of three) and consumer_timeout ' +
    '(30 minutes by default: keep it above a minute; builds are not held to it)';
  return [fine('settings of the broker', text)];
}
