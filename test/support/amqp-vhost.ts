/** A virtual host of a test's own on the shared RabbitMQ. */
import { randomUUID } from 'node:crypto';
import { firstSkip, requireAmqp, requireAmqpManagement } from './services.js';

export interface AmqpVhost {
  readonly name: string;
  /** `amqp://guest:guest@host:port/NAME` */
  readonly url: string;
  /** Removes it with all that is in it; open connections are closed by the broker. */
  remove(): Promise<void>;
}

/** Why no virtual host can be had; false when one can. */
export function vhostSkip(): string | false {
  return firstSkip(requireAmqp(), requireAmqpManagement());
}

export async function makeVhost(): Promise<AmqpVhost> {
  const name = `test-${randomUUID()}`;
  await manage('PUT', `vhosts/${name}`);
  await manage('PUT', `permissions/${name}/guest`, { configure: '.*', write: '.*', read: '.*' });
  const url = new URL(requireAmqp().url);
  url.pathname = `/${name}`;
  return { name, url: url.href, remove: () => manage('DELETE', `vhosts/${name}`) };
}

/** One request to the management API; throws for any answer that is no success. */
async function manage(method: string, path: string, body?: object): Promise<void> {
  const { origin, username, password } = new URL(requireAmqpManagement().url);
  const answer = await fetch(`${origin}/api/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
}
