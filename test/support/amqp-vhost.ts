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
  /** Makes a user who has these rights here, and removes it with the virtual host. Gives the URL with it. */
  addUser(rights: AmqpRights): Promise<string>;
  /** Removes it with all that is in it; open connections are closed by the broker. */
  remove(): Promise<void>;
}

/** Regular expressions of names of queues and exchanges (rabbitmq.com/docs/access-control). */
export interface AmqpRights {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
  /** Topics that may be published to `amq.topic`; absent: all. */
  readonly topics?: string;
}

/** Why no virtual host can be had; false when one can. */
export function vhostSkip(): string | false {
  return firstSkip(requireAmqp(), requireAmqpManagement());
}

export async function makeVhost(broker: AmqpBroker = sharedBroker()): Promise<AmqpVhost> {
  const name = `test-${randomUUID()}`;
  const { managementUrl } = broker;
  const make = async (): Promise<void> => {
    await manageRabbitmq(managementUrl, 'PUT', `vhosts/${name}`);
    await manageRabbitmq(managementUrl, 'PUT', `permissions/${name}/guest`, {
      configure: '.*',
      write: '.*',
      read: '.*',
    });
  };
  const remove = async (): Promise<void> => {
    await manageRabbitmq(managementUrl, 'DELETE', `vhosts/${name}`);
  };
  const users: string[] = [];
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
      return (await (await manageRabbitmq(managementUrl, 'GET', path)).json()) as Row[];
    },
    addUser: async ({ topics, ...rights }) => {
      const user = `user-${randomUUID()}`;
      await manageRabbitmq(managementUrl, 'PUT', `users/${user}`, { password: 'right', tags: '' });
      users.push(user);
      await manageRabbitmq(managementUrl, 'PUT', `permissions/${name}/${user}`, rights);
      if (topics !== undefined) {
        const permission = { exchange: 'amq.topic', write: topics, read: '.*' };
        await manageRabbitmq(managementUrl, 'PUT', `topic-permissions/${name}/${user}`, permission);
      }
      const theirs = new URL(url);
      [theirs.username, theirs.password] = [user, 'right'];
      return theirs.href;
    },
    remove: async () => {
      await remove();
      for (const user of users) await manageRabbitmq(managementUrl, 'DELETE', `users/${user}`);
    },
  };
}

function sharedBroker(): AmqpBroker {
  return { url: requireAmqp().url, managementUrl: requireAmqpManagement().url };
}

/** One request to the management API; throws for any answer that is no success. */
export async function manageRabbitmq(
  managementUrl: string,
  method: string,
  path: string,
  body?: object,
): Promise<Response> {
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
