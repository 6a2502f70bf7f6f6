/** What the management API's answers mean for us. Pure; an answer is of any shape. */
import { isJsonObject, type JsonObject } from '../../kernel/json.js';
import type { BusFinding } from '../contract.js';

/** Less room on a broker's disk than this is worth a look; bytes. The broker's own default limit is 50 MB. */
const LITTLE_DISK = 1_073_741_824;
/** Members of a queue that survive the loss of a node. */
const SAFE_MEMBERS = 3;
/** Parts of a policy that make a broker throw messages of ours away. */
const LOSING = ['max-length', 'max-length-bytes', 'message-ttl', 'expires', 'delivery-limit', 'max-age'];

export function fine(name: string, text: string): BusFinding {
  return { name, status: 'ok', text, advice: '' };
}

/** Alarms, partitions and nodes that are down, from `GET /api/nodes`. */
export function nodeFindings(answer: unknown): BusFinding[] {
  const nodes = objects(answer);
  if (nodes.length === 0) return [unreadable('nodes')];
  return [...nodes.flatMap(troubles), running(nodes)];
}

function running(nodes: readonly JsonObject[]): BusFinding {
  const down = nodes.filter((node) => node['running'] !== true).map(nameOf);
  const up = nodes.length - down.length;
  if (down.length > 0) {
    return {
      name: 'nodes',
      status: 'warn',
      text: `${up} of ${nodes.length} nodes run; down: ${down.join(', ')}`,
      advice: 'Start them, or remove them from the cluster.',
    };
  }
  if (nodes.length === 2) {
    return {
      name: 'nodes',
      status: 'warn',
      text: 'the cluster has two nodes: without one of them nothing has a majority',
      advice: 'Run three nodes, or one.',
    };
  }
  return fine('nodes', nodes.length === 1 ? 'one node runs' : `all ${nodes.length} nodes run`);
}

function troubles(node: JsonObject): BusFinding[] {
  const found: BusFinding[] = [];
  const name = nameOf(node);
  const add = (what: string, status: BusFinding['status'], text: string, advice: string): void => {
    found.push({ name: what, status, text: `${name} ${text}`, advice });
  };
  if (node['mem_alarm'] === true) {
    add('memory', 'fault', 'has its memory alarm on: nothing can be published', 'Give the broker more memory.');
  }
  const free = numberOf(node['disk_free']);
  if (node['disk_free_alarm'] === true) {
    add('disk', 'fault', 'has its disk alarm on: nothing can be published', "Make room on the broker's disk.");
  } else if (free !== null && free < LITTLE_DISK) {
    const text = `has ${Math.floor(free / 1_048_576)} MiB of disk left`;
    add('disk', 'warn', text, 'Make room: the log `ours` grows for ever, by about 3 KB a message.');
  }
  const partitions = Array.isArray(node['partitions']) ? node['partitions'] : [];
  if (partitions.length > 0) {
    const advice = 'Restart the smaller part of the cluster, and set cluster_partition_handling = pause_minority.';
    add('partitions', 'fault', `is cut off from ${partitions.join(', ')}`, advice);
  }
  return found;
}

/** Types, members and policies of our queues, from `GET /api/queues/<vhost>`; `nodes` is the size of the cluster. */
export function queueFindings(answer: unknown, root: string, nodes: number): BusFinding[] {
  const items = isJsonObject(answer) ? answer['items'] : answer;
  if (!Array.isArray(items)) return [unreadable('queues')];
  const ours = objects(items).filter((queue) => nameOf(queue).startsWith(`${root}.`));
  const faults = ours.flatMap((queue) => [
    ...typeFindings(queue, nameOf(queue).slice(root.length + 1)),
    ...memberFindings(queue, nodes),
    ...policyFindings(queue),
  ]);
  return [...faults, fine('queues', `${ours.length} queues and streams are named ${root}.…`)];
}

function typeFindings(queue: JsonObject, short: string): BusFinding[] {
  const wanted = short.startsWith('log.') ? 'stream' : /^(group|wait)\./.test(short) ? 'quorum' : null;
  const is = queue['type'];
  if (wanted === null || is === undefined || is === wanted) return [];
  const text = `${nameOf(queue)} is a queue of the type ${String(is)}, not ${wanted}`;
  return [{ name: 'queue type', status: 'fault', text, advice: 'Delete it when it is empty; it is made again.' }];
}

function memberFindings(queue: JsonObject, nodes: number): BusFinding[] {
  const members = Array.isArray(queue['members']) ? queue['members'].length : null;
  if (members === null) return [];
  const online = Array.isArray(queue['online']) ? queue['online'].length : members;
  if (online * 2 <= members) {
    const text = `${nameOf(queue)} has ${online} of ${members} members online: no majority`;
    return [{ name: 'replicas', status: 'fault', text, advice: 'Start the nodes that are down.' }];
  }
  if (nodes >= SAFE_MEMBERS && members < SAFE_MEMBERS) {
    const grow = queue['type'] === 'stream' ? 'rabbitmq-streams add_replica' : 'rabbitmq-queues grow';
    const text = `${nameOf(queue)} has ${members} of ${SAFE_MEMBERS} copies in a cluster of ${nodes} nodes`;
    return [{ name: 'replicas', status: 'warn', text, advice: `Add copies: ${grow}.` }];
  }
  return [];
}

function policyFindings(queue: JsonObject): BusFinding[] {
  const definition = isJsonObject(queue['effective_policy_definition']) ? queue['effective_policy_definition'] : {};
  const losing = LOSING.filter((name) => name in definition);
  if (losing.length === 0) return [];
  const names = [queue['policy'], queue['operator_policy']].filter((name) => typeof name === 'string');
  const text = `the policy ${names.join(' and ')} sets ${losing.join(', ')} on ${nameOf(queue)}: messages may be lost`;
  return [
    { name: 'policies', status: 'warn', text, advice: 'Let no policy match our queues, or leave these parts out.' },
  ];
}

/** Feature flags that are off, from `GET /api/feature-flags`: an upgrade of the broker would refuse to start. */
export function flagFindings(answer: unknown): BusFinding[] {
  const off = objects(answer)
    .filter((flag) => flag['stability'] === 'stable' && flag['state'] === 'disabled')
    .map(nameOf);
  if (off.length === 0) return [fine('feature flags', 'all stable feature flags are on')];
  const text = `feature flags that are off: ${off.join(', ')}`;
  return [{ name: 'feature flags', status: 'warn', text, advice: 'rabbitmqctl enable_feature_flag all' }];
}

/** What was asked for and not told. */
export function unseen(name: string, reason: string): BusFinding {
  const text = `the management API does not tell about ${name}: ${reason}`;
  return { name, status: 'warn', text, advice: 'See docs/operations.md for the rights that doctor needs.' };
}

function unreadable(name: string): BusFinding {
  return unseen(name, 'its answer can not be read');
}

function objects(answer: unknown): JsonObject[] {
  return Array.isArray(answer) ? answer.filter(isJsonObject) : [];
}

function nameOf(thing: JsonObject): string {
  return String(thing['name']);
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
