import { readFile } from 'node:fs/promises';
import { type ChannelModel, connect, credentials } from 'amqplib';
import { ServiceError, toError } from '../../kernel/service-error.js';
import type { AmqpSettings, UserFiles } from '../settings.js';
import { withoutSecrets } from '../settings.js';
import { closeConnection } from './close.js';
import { amqpFault } from './faults.js';

/** How long a connection may take to open, handshakes included; milliseconds. */
const CONNECT_TIMEOUT_MS = 3_000;
/** The oldest broker that has what we stand on: message TTL and safe dead lettering on quorum queues. */
const OLDEST = { major: 3, minor: 10 } as const;
/** What a broker must say that it can. */
const CAPABILITIES = ['publisher_confirms', 'basic.nack', 'consumer_cancel_notify', 'per_consumer_qos'] as const;

export interface ConnectOptions {
  /** Seconds between heartbeats: a silent peer is noticed after about twice as long. */
  readonly heartbeatS: number;
  /** Shown to operators. */
  readonly name: string;
}

/**
 * A connection to the first of the URLs that takes us, each tried once, beginning with number `first`. Its errors are
 * told to its `error` and `close` listeners. Throws `bus_unavailable`, `bus_denied`, `bus_incompatible`: the last URL's.
 */
export async function connectAmqp(settings: AmqpSettings, options: ConnectOptions, first = 0): Promise<ChannelModel> {
  const { urls } = settings;
  let fault = new ServiceError('bus_unavailable', 'no URL of a broker is configured');
  for (let tried = 0; tried < urls.length; tried += 1) {
    const url = urls[(first + tried) % urls.length] ?? '';
    try {
      return await connectTo(url, settings, options);
    } catch (thrown) {
      fault = amqpFault(thrown, withoutSecrets(url));
    }
  }
  throw fault;
}

async function connectTo(url: string, settings: AmqpSettings, options: ConnectOptions): Promise<ChannelModel> {
  const address = addressOf(url);
  const files = await tlsFiles(settings);
  const login = await loginOf(address, settings);
  const model = await connect(
    {
      protocol: address.protocol.slice(0, -1),
      hostname: address.hostname.replace(/^\[|\]$/g, ''),
      ...(address.port === '' ? {} : { port: Number(address.port) }),
      vhost: address.pathname.slice(1),
      heartbeat: options.heartbeatS,
    },
    {
      ...files,
      ...(login === null ? {} : { credentials: login }),
      noDelay: true,
      timeout: CONNECT_TIMEOUT_MS,
      clientProperties: { connection_name: options.name },
    },
  );
  // An error is always followed by a close; without a listener it would end the process.
  model.on('error', () => undefined);
  try {
    checkServer(model, withoutSecrets(url));
  } catch (thrown) {
    await closeConnection(model);
    throw thrown;
  }
  return model;
}

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'amqp:' && url.protocol !== 'amqps:')) {
    throw new ServiceError('bus_unavailable', `${withoutSecrets(text)} is no URL of the form amqps://host:5671/vhost`);
  }
  return url;
}

type Login = ReturnType<typeof credentials.plain | typeof credentials.external>;

/** The URL's user, else that of the files, else the client certificate's; null: the driver's default, a local guest. */
async function loginOf(url: URL, { credentials: files, tls }: AmqpSettings): Promise<Login | null> {
  if (url.password !== '' || (url.username !== '' && files === null && tls?.cert == null)) {
    return credentials.plain(decodeURIComponent(url.username), decodeURIComponent(url.password));
  }
  if (files !== null) {
    const { user, password } = await userOf(files);
    return credentials.plain(user, password);
  }
  return tls?.cert == null ? null : credentials.external();
}

async function userOf({ userFile, passwordFile }: UserFiles): Promise<{ user: string; password: string }> {
  const [user, password] = await Promise.all([secretOf(userFile), secretOf(passwordFile)]);
  return { user, password };
}

async function secretOf(path: string): Promise<string> {
  return (await fileOf(path)).toString('utf8').trim();
}

async function tlsFiles({ tls }: AmqpSettings): Promise<TlsContent> {
  if (tls === null) return {};
  const [ca, cert, key] = await Promise.all(
    [tls.ca, tls.cert, tls.key].map((path) => (path === null ? null : fileOf(path))),
  );
  return { ...(ca ? { ca: [ca] } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
}

interface TlsContent {
  readonly ca?: Buffer[];
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

async function fileOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new ServiceError(
      'bus_denied',
      `the file ${path} for the connection can't be read: ${toError(cause).message}`,
      {
        cause,
      },
    );
  }
}

/** What the broker says of itself, as `RabbitMQ 3.10.8`. */
export function serverOf(model: ChannelModel): string {
  const { product, version } = model.connection.serverProperties;
  return `${product} ${version}`;
}

function checkServer(model: ChannelModel, place: string): void {
  const { product, version, capabilities } = model.connection.serverProperties;
  if (product !== 'RabbitMQ') {
    throw new ServiceError('bus_incompatible', `${place} is ${product} ${version}; Layerwright needs RabbitMQ`);
  }
  const [major = 0, minor = 0] = String(version).split('.').map(Number);
  if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor)) {
    throw new ServiceError(
      'bus_incompatible',
      `${place} is RabbitMQ ${version}; Layerwright needs ${OLDEST.major}.${OLDEST.minor} or newer`,
    );
  }
  const can = (capabilities ?? {}) as Readonly<Record<string, unknown>>;
  const missing = CAPABILITIES.filter((name) => can[name] !== true);
  if (missing.length > 0) {
    throw new ServiceError('bus_incompatible', `${place} lacks ${missing.join(', ')}`);
  }
}
