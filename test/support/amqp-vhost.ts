/** A virtual host of a test's own on a RabbitMQ, by default on the shared one. */
import { randomUUID } from 'node:crypto';
import { firstSkip, requireAmqp, requireAmqpManagement } from './services.js';

/** Where a RabbitMQ is, with the user guest. */
export interface AmqpBroker {
  readonly url: string;
  readonly managementUrl: string;
}

export interface AmqpVhost {
  readonly name: string;
  /** `amqp://guest:guest@host:port/NAME` */
  readonly url: string;
  /** Removes it with all that is in it, and makes it again; open connections are closed by the broker. */
  makeAnew(): Promise<void>;
  /** A list that the management API has of this virtual host, as `queues` or `connections`. */
  list<Row>(what: string): Promise<readonly Row[]>;
  /** Removes it with all that is in it; open connections are closed by the broker. */
  remove(): Promise<void>;
}

/** Why no virtual host can be had; false when one can. */
export function vhostSkip(): string | false {
  return firstSkip(requireAmqp(), requireAmqpManagement());
}

export async function makeVhost(broker: AmqpBroker = sharedBroker()): Promise<AmqpVhost> {
  const name = `test-${randomUUID()}`;
  const { managementUrl } = broker;
  const make = async (): Promise<void> => {
    await manage(managementUrl, 'PUT', `vhosts/${name}`);
    await manage(managementUrl, 'PUT', `permissions/${name}/guest`, { configure: '.*', write: '.*', read: '.*' });
  };
  const remove = async (): Promise<void> => {
    await manage(managementUrl, 'DELETE', `vhosts/${name}`);
  };
  await make();
  const url = new URL(broker.url);
  url.pathname = `/${name}`;
  return {
    name,
    url: url.href,
    makeAnew: async () => {
      await remove();
      await make();
    },
    list: async <Row>(what: string) => {
      const path = what === 'connections' ? `vhosts/${name}/connections` : `${what}/${name}`;
      return (await (await manage(managementUrl, 'GET', path)).json()) as Row[];
    },
    remove,
  };
}

function sharedBroker(): AmqpBroker {
  return { url: requireAmqp().url, managementUrl: requireAmqpManagement().url };
}

/** One request to the management API; throws for any answer that is no success. */
async function manage(managementUrl: string, method: string, path: string, body?: object): Promise<Response> {
  const { origin, username, password } = new URL(managementUrl);
  const answer = await fetch(`${origin}/api/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}
