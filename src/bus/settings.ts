/** Which engine, and how to reach it. Each kind is a member of its own. */
export type BusSettings = EmbeddedSettings | AmqpSettings | NatsSettings;

export interface EmbeddedSettings {
  readonly kind: 'embedded';
  /** The file. */
  readonly path: string;
}

export interface AmqpSettings {
  readonly kind: 'amqp';
  /**
   * Nodes of one cluster, as `amqps://user:password@host:5671/vhost`; tried in turn. Without a user the one of
   * `credentials`; with a client certificate and no password SASL EXTERNAL is used, as fedora-messaging does.
   */
  readonly urls: readonly string[];
  readonly credentials: UserFiles | null;
  readonly tls: TlsFiles | null;
  /** Declare nothing: the whole topology was made by somebody else, and is only looked for. */
  readonly passiveDeclares: boolean;
  /** Base URL of the management API, for `doctor` alone; null: not asked. */
  readonly managementUrl: string | null;
}

export interface NatsSettings {
  readonly kind: 'nats';
  /** Servers of one cluster, as `nats://host:4222` or `tls://host:4222`; tried in turn. */
  readonly servers: readonly string[];
  readonly credentials: UserFiles | { readonly tokenFile: string } | { readonly credsFile: string } | null;
  readonly tls: TlsFiles | null;
  /** Create nothing: the streams, consumers and the bucket were made by somebody else, and are only looked for. */
  readonly passiveDeclares: boolean;
  /** Copies of streams and claims, 1 to 5; 3 survive the loss of a server. */
  readonly replicas: number;
}

/** Files with a user's name and password, one line each. Read again at each connection. */
export interface UserFiles {
  readonly userFile: string;
  readonly passwordFile: string;
}

/** PEM files. `ca` null: those of the system. `cert` and `key` come together. */
export interface TlsFiles {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** Where a bus is, for people: no password, no token. */
export function placeOf(settings: BusSettings): string {
  switch (settings.kind) {
    case 'embedded':
      return settings.path;
    case 'amqp':
      return settings.urls.map(withoutSecrets).join(', ');
    case 'nats':
      return settings.servers.map(withoutSecrets).join(', ');
  }
}

/** A URL without user and password; what is no URL is not shown. */
export function withoutSecrets(text: string): string {
  try {
    const { protocol, host, pathname } = new URL(text);
    return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
  } catch {
    return 'an address that is no URL';
  }
}
