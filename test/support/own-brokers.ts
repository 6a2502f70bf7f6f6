/** A broker of a test's own of each kind, which does not run until it is started. */
import { startNatsServer } from './nats-server.js';
import { prepareOwnRabbitmq } from './own-rabbitmq.js';
import { requireNatsServer, requireRabbitmq } from './services.js';

export interface OwnBroker {
  readonly url: string;
  /** Starts it, again too: with its data. */
  start(): Promise<void>;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** What clients have on it that goes with them: claims, listeners, followers. Empty once none is left. */
  leftovers(): Promise<readonly string[]>;
  /** Ends it and removes all of it. */
  stop(): Promise<void>;
}

export interface BrokerKind {
  readonly kind: 'amqp' | 'nats';
  readonly skip: string | false;
  prepare(): Promise<OwnBroker>;
}

export const OWN_BROKERS: readonly BrokerKind[] = [
  { kind: 'amqp', skip: requireRabbitmq().skip, prepare: prepareRabbitmq },
  { kind: 'nats', skip: requireNatsServer().skip, prepare: prepareNats },
];

async function prepareRabbitmq(): Promise<OwnBroker> {
  const rabbitmq = await prepareOwnRabbitmq();
  const { origin, username, password } = new URL(rabbitmq.managementUrl);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const list = async <Row>(what: string): Promise<readonly Row[]> => {
    const answer = await fetch(`${origin}/api/${what}`, { headers: { authorization } });
    if (!answer.ok) throw new Error(`${what}: ${answer.status}`);
    return (await answer.json()) as Row[];
  };
  return {
    url: rabbitmq.url,
    start: rabbitmq.startAgain,
    kill: rabbitmq.kill,
    leftovers: async () => {
      const queues = await list<{ name: string }>('queues');
      // Not its list of consumers: of streams it shows those of connections that are long gone.
      const connections = await list<{ name: string }>('connections');
      return [
        ...queues.filter(({ name }) => /\.(claim|listen)\./.test(name)).map(({ name }) => `queue ${name}`),
        ...connections.map(({ name }) => `connection ${name}`),
      ];
    },
    stop: rabbitmq.stop,
  };
}

/** What `/jsz` says of the streams of an account (docs.nats.io, monitoring). */
interface Jsz {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly {
      readonly name: string;
      readonly consumer_detail?: readonly { readonly name: string; readonly config?: { durable_name?: string } }[];
    }[];
  }[];
}

async function prepareNats(): Promise<OwnBroker> {
  const server = await startNatsServer();
  await server.kill();
  const ask = async <Answer>(path: string): Promise<Answer> =>
    (await (await fetch(`${server.monitor}/${path}`)).json()) as Answer;
  return {
    url: server.url,
    start: () => server.startAgain('kept'),
    kill: server.kill,
    leftovers: async () => {
      const { num_connections } = await ask<{ num_connections: number }>('connz');
      const { account_details = [] } = await ask<Jsz>('jsz?streams=true&consumers=true&config=true');
      const streams = account_details.flatMap(({ stream_detail = [] }) => stream_detail);
      const passing = streams.flatMap(({ name, consumer_detail = [] }) =>
        consumer_detail
          .filter(({ config }) => config?.durable_name === undefined)
          .map((each) => `consumer ${each.name} of ${name}`),
      );
      return [...passing, ...(num_connections === 0 ? [] : [`${num_connections} connections`])];
    },
    stop: server.stop,
  };
}
