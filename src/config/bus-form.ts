import { withoutLogins } from '../kernel/text.js';
import type { BusConfig, BusTlsFiles, BusUserFiles, NatsBusConfig } from './contract.js';
import type { RawConfig } from './generated/raw.js';
import type { Paths } from './paths.js';

type RawBus = RawConfig['bus'];

/** The bus in its normal form. `file`: the embedded bus's, where none is named. */
export function busOf(raw: RawBus, path: Paths, file: string): BusConfig {
  const { kind, credentials } = raw;
  switch (kind) {
    case 'embedded':
      return { kind, path: raw.path === null ? file : path(raw.path) };
    case 'amqp':
      return {
        kind,
        urls: raw.urls ?? (raw.url === null ? [] : [raw.url]),
        credentials: userFiles(credentials, path),
        tls: tlsOf(raw.tls, path),
        passiveDeclares: raw.passive_declares,
        managementUrl: raw.management_url,
      };
    case 'nats':
      return {
        kind,
        servers: raw.servers ?? [],
        credentials: natsCredentials(credentials, path),
        tls: tlsOf(raw.tls, path),
        passiveDeclares: raw.passive_declares,
        replicas: raw.replicas,
      };
  }
}

function userFiles(raw: RawBus['credentials'], path: Paths): BusUserFiles | null {
  if (raw?.user_file === undefined || raw.password_file === undefined) return null;
  return { userFile: path(raw.user_file), passwordFile: path(raw.password_file) };
}

function natsCredentials(raw: RawBus['credentials'], path: Paths): NatsBusConfig['credentials'] {
  if (raw?.token_file !== undefined) return { tokenFile: path(raw.token_file) };
  if (raw?.creds_file !== undefined) return { credsFile: path(raw.creds_file) };
  return userFiles(raw, path);
}

function tlsOf(raw: RawBus['tls'], path: Paths): BusTlsFiles | null {
  if (raw === null) return null;
  const absolute = (file: string | undefined): string | null => (file === undefined ? null : path(file));
  return { ca: absolute(raw.ca), cert: absolute(raw.cert), key: absolute(raw.key) };
}

/** A bus whose URLs have lost their logins, to be shown. */
export function shownBus(bus: BusConfig): BusConfig {
  switch (bus.kind) {
    case 'embedded':
      return bus;
    case 'amqp': {
      const { urls, managementUrl } = bus;
      return {
        ...bus,
        urls: urls.map((url) => withoutLogins(url)),
        managementUrl: managementUrl && withoutLogins(managementUrl),
      };
    }
    case 'nats':
      return { ...bus, servers: bus.servers.map((server) => withoutLogins(server)) };
  }
}
