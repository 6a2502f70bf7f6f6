import type { AmqpSettings, BusSettings, EmbeddedSettings, NatsSettings, TlsFiles } from '../bus/index.js';
import { ServiceError } from '../kernel/service-error.js';

/**
 * Where a bus is, as programs of others write it: a URL (`amqp:`, `amqps:`, `nats:`, `tls:`), the path of a bus file, or
 * the settings of one engine with only what differs from the default.
 */
export type BusAddress =
  | string
  | EmbeddedSettings
  | (Pick<AmqpSettings, 'kind' | 'urls'> & Partial<Omit<AmqpSettings, 'tls'>> & { readonly tls?: TlsAddress | null })
  | (Pick<NatsSettings, 'kind' | 'servers'> &
      Partial<Omit<NatsSettings, 'tls'>> & { readonly tls?: TlsAddress | null });

/** PEM files. Without `ca` those of the system; `cert` and `key` come together. */
export type TlsAddress = Partial<TlsFiles>;

const URL_START = /^([a-z][a-z0-9+.-]*):\/\//i;

/** The whole settings of an address. Throws `usage`; its text never has the address, which may hold a password. */
export function settingsOf(address: BusAddress): BusSettings {
  if (typeof address === 'string') return settingsOfText(address);
  switch (address.kind) {
    case 'embedded':
      return address;
    case 'amqp':
      return {
        credentials: null,
        passiveDeclares: false,
        managementUrl: null,
        ...address,
        urls: someOf('urls', address.urls),
        tls: tlsOf(address.tls),
      };
    case 'nats':
      return {
        credentials: null,
        passiveDeclares: false,
        replicas: 1,
        ...address,
        servers: someOf('servers', address.servers),
        tls: tlsOf(address.tls),
      };
    default:
      throw new ServiceError('usage', 'the kind of a bus is embedded, amqp or nats');
  }
}

function settingsOfText(text: string): BusSettings {
  const protocol = URL_START.exec(text)?.[1]?.toLowerCase();
  switch (protocol) {
    case undefined:
      if (text === '') throw new ServiceError('usage', 'the address of the bus is empty');
      return { kind: 'embedded', path: text };
    case 'amqp':
    case 'amqps':
      return settingsOf({ kind: 'amqp', urls: [text] });
    case 'nats':
    case 'tls':
      return settingsOf({ kind: 'nats', servers: [text] });
    default:
      throw new ServiceError(
        'usage',
        `a bus is reached by amqp:, amqps:, nats:, tls: or the path of a file, not by ${protocol}:`,
      );
  }
}

function someOf(name: string, urls: readonly string[]): readonly string[] {
  if (!Array.isArray(urls) || urls.length === 0) throw new ServiceError('usage', `\`${name}\` names at least one`);
  return urls;
}

function tlsOf(tls: TlsAddress | null | undefined): TlsFiles | null {
  if (tls === null || tls === undefined) return null;
  const { ca = null, cert = null, key = null } = tls;
  if ((cert === null) !== (key === null)) throw new ServiceError('usage', '`cert` and `key` come together');
  return { ca, cert, key };
}
