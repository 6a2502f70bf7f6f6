/**
 * What each role does on a bus, and the rights on the two brokers that follow from it: those that docs/operations.md
 * lists, written there from here, and granted in tests from here.
 */
import type { LogName } from '../../src/bus/index.js';
import { CATALOG, type MessageName } from '../../src/messages/index.js';
import type { AmqpRights } from './amqp-vhost.js';

export interface BusRole {
  /** As the page calls it. */
  readonly name: string;
  /** Groups that it consumes, each with the log that they get their messages from. */
  readonly groups: Readonly<Record<string, 'ours' | 'git'>>;
  readonly logs: readonly LogName[];
  readonly publishes: readonly MessageName[];
  /** Whether it hears the output of builds. */
  readonly listens: boolean;
}

export const BUS_ROLES = {
  trigger: {
    name: 'trigger',
    groups: { trigger: 'git' },
    logs: ['ours', 'dead'],
    publishes: ['build.requested.v1', 'build.skipped.v1'],
    listens: false,
  },
  builder: {
    name: 'builder',
    groups: { builder: 'ours', 'builder.cascade': 'ours' },
    logs: ['ours', 'dead'],
    publishes: [
      'build.requested.v1',
      'build.requested.cascade.v1',
      'build.skipped.v1',
      'build.started.v1',
      'build.completed.v1',
      'build.failed.v1',
      'build.canceled.v1',
      'build.output.v1',
    ],
    listens: false,
  },
  planner: {
    name: 'planner',
    groups: {},
    logs: ['ours', 'dead'],
    publishes: [
      'build.requested.v1',
      'build.requested.cascade.v1',
      'build.skipped.v1',
      'build.failed.v1',
      'wave.opened.v1',
      'wave.closed.v1',
    ],
    listens: false,
  },
  person: {
    name: 'a person: `build`, `cancel`, and all of the next',
    groups: {},
    logs: ['ours', 'git', 'dead'],
    publishes: ['build.requested.v1', 'build.cancel.v1'],
    listens: true,
  },
  reader: {
    name: 'a reader: `builds`, `logs`, `watch`, `record`',
    groups: {},
    logs: ['ours', 'git', 'dead'],
    publishes: [],
    listens: true,
  },
  reactor: {
    name: 'a program of yours with the group `auditor`',
    groups: { auditor: 'ours' },
    logs: ['ours'],
    publishes: [],
    listens: false,
  },
} as const satisfies Readonly<Record<string, BusRole>>;

/** How the beginnings of names are written: on a broker, or as the page abbreviates them. */
interface Beginnings {
  /** `layerwright.<prefix>` */
  readonly root: string;
  readonly prefix: string;
  /** Beginning of the streams' names on NATS. */
  readonly streams: string;
}

const ON_THE_PAGE: Beginnings = { root: 'P', prefix: '<prefix>', streams: 'S' };

const escaped = (text: string): string => text.replaceAll('.', '\\.');
const oneOf = (words: readonly string[]): string => (words.length === 1 ? String(words[0]) : `(${words.join('|')})`);
const topicsOf = (names: readonly MessageName[]): string[] => names.map((name) => CATALOG[name].topic);

/** On RabbitMQ, for a prefix. */
export function amqpRights(role: BusRole, prefix: string): Required<AmqpRights> {
  return amqpRightsOf(role, { root: escaped(`layerwright.${prefix}`), prefix: escaped(prefix), streams: '' });
}

function amqpRightsOf(
  { groups, logs, publishes, listens }: BusRole,
  { root, prefix }: Beginnings,
): Required<AmqpRights> {
  const own = `${root}\\.(claim|listen)\\..*`;
  const read = ['direct', ...Object.keys(groups).map((group) => `group\\.${escaped(group)}`), `log\\.${oneOf(logs)}`];
  return {
    configure: `^${own}$`,
    write: `^(${publishes.length > 0 ? 'amq\\.topic|' : ''}${root}\\.direct|${own})$`,
    read: `^(${listens ? 'amq\\.topic|' : ''}${root}\\.(${read.join('|')})|${own})$`,
    topics: publishes.length === 0 ? '^$' : `^${prefix}\\.container\\.${oneOf(endingsOf(publishes))}$`,
  };
}

/** What comes after `container.`, what several begin with written once: `build\.(requested|failed)`. */
function endingsOf(names: readonly MessageName[]): string[] {
  const endings = topicsOf(names).map((topic) => topic.replace(/^container\./, ''));
  return ['build', 'wave'].flatMap((about) => {
    const own = endings.filter((ending) => ending.startsWith(`${about}.`));
    const rest = own.map((ending) => escaped(ending.slice(about.length + 1)));
    return rest.length === 0 ? [] : [`${about}\\.${oneOf(rest)}`];
  });
}

export interface NatsRights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** On NATS, for a prefix. */
export function natsRights(role: BusRole, prefix: string): NatsRights {
  const streams = `LW-${prefix.replaceAll('_', '__').replaceAll('.', '_')}`;
  return natsRightsOf(role, { root: `layerwright.${prefix}`, prefix, streams });
}

function natsRightsOf({ groups, logs, publishes, listens }: BusRole, at: Beginnings): NatsRights {
  const taken = Object.entries(groups);
  return {
    publish: [
      ...natsParts(at).all,
      ...logs.flatMap((log) => natsParts(at).log(log)),
      ...taken.flatMap(([group, log]) => natsParts(at).group(group.replaceAll('.', '_'), log)),
      ...(taken.length > 0 ? [`${at.root}.dead`] : []),
      ...topicsOf(publishes).map((topic) => `${at.prefix}.${topic}`),
    ],
    subscribe: ['_INBOX.>', ...(listens ? [`${at.prefix}.container.build.output`] : [])],
  };
}

function natsParts({ root, streams }: Beginnings) {
  return {
    all: [
      '$JS.API.INFO',
      '$JS.API.STREAM.INFO.*',
      '$JS.API.CONSUMER.INFO.*.*',
      `$JS.API.STREAM.MSG.GET.KV_${streams}-claims`,
      `$KV.${streams}-claims.>`,
    ],
    log: (log: string): string[] => [
      `$JS.API.STREAM.MSG.GET.${streams}-${log}`,
      `$JS.API.CONSUMER.CREATE.${streams}-${log}`,
      `$JS.API.CONSUMER.MSG.NEXT.${streams}-${log}.*`,
      `$JS.API.CONSUMER.DELETE.${streams}-${log}.*`,
    ],
    group: (group: string, log: string): string[] => [
      ...[log, 'retry'].flatMap((stream) => [
        `$JS.API.CONSUMER.MSG.NEXT.${streams}-${stream}.${group}`,
        `$JS.ACK.${streams}-${stream}.${group}.>`,
      ]),
      `${root}.retry.${group}.layerwright`,
    ],
  };
}

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;
const codes = (texts: readonly string[]): string => (texts.length === 0 ? 'nothing' : texts.map(code).join(' '));

/** The lines of the page's table for RabbitMQ. */
export function amqpLines(): string[] {
  return Object.values(BUS_ROLES).map((role) => {
    const { configure, write, read, topics } = amqpRightsOf(role, ON_THE_PAGE);
    return `| ${role.name} | ${[configure, write, read, topics].map(code).join(' | ')} |`;
  });
}

/** The lines of the page's tables for NATS: what the parts need, and what is made of them. */
export function natsLines(): string[] {
  const parts = natsParts(ON_THE_PAGE);
  return [
    `| every role, with its claims | ${codes(parts.all)} |`,
    `| reading the log \`L\` | ${codes(parts.log('L'))} |`,
    `| consuming the group \`G\`, which is fed from the log \`L\` | ${codes([...parts.group('G', 'L'), `${ON_THE_PAGE.root}.dead`])} |`,
    ...Object.values<BusRole>(BUS_ROLES).map(({ name, logs, groups, publishes }) => {
      const taken = Object.entries(groups).map(
        ([group, log]) => `${code(group.replaceAll('.', '_'))} from ${code(log)}`,
      );
      const topics = topicsOf(publishes).map((topic) => `<prefix>.${topic}`);
      return `| ${name} | ${codes(logs)} | ${taken.join(', ') || 'none'} | ${codes(topics)} |`;
    }),
  ];
}
