import { withoutLogins } from '../kernel/text.js';
import type { CrossFault } from './cross-fault.js';
import type { Path } from './document.js';
import type { RawConfig } from './generated/raw.js';

type RawBus = RawConfig['bus'];
type Kind = RawBus['kind'];
type Key = Exclude<keyof RawBus, 'kind'>;

/** Which kinds have a key, and its default: a key that says no more than that is no fault on another kind. */
const KEYS: Readonly<Record<Key, { readonly kinds: readonly Kind[]; readonly fallback: unknown }>> = {
  path: { kinds: ['embedded'], fallback: null },
  url: { kinds: ['amqp'], fallback: null },
  urls: { kinds: ['amqp'], fallback: null },
  servers: { kinds: ['nats'], fallback: null },
  credentials: { kinds: ['amqp', 'nats'], fallback: null },
  tls: { kinds: ['amqp', 'nats'], fallback: null },
  passive_declares: { kinds: ['amqp', 'nats'], fallback: false },
  management_url: { kinds: ['amqp'], fallback: null },
  replicas: { kinds: ['nats'], fallback: 1 },
};

/** What does the same on another kind, for who changed `kind` alone. */
const INSTEAD: Readonly<Partial<Record<Key, Partial<Record<Kind, string>>>>> = {
  url: { nats: '`servers: […]`' },
  urls: { nats: '`servers: […]`' },
  servers: { amqp: '`url` or `urls`' },
};

/** Faults between the keys of `bus`, each told at most once. No text of theirs shows a password. */
export function busFaults(bus: RawBus, usable: (path: Path) => boolean): readonly CrossFault[] {
  const strangers = (Object.keys(KEYS) as Key[]).filter(
    (key) => bus[key] !== KEYS[key].fallback && !KEYS[key].kinds.includes(bus.kind),
  );
  const known = (key: Key): boolean => !strangers.includes(key) && usable(['bus', key]);
  const faults: CrossFault[] = strangers
    .filter((key) => usable(['bus', key]))
    .map((key) => ({ at: ['bus', key], ...stranger(key, bus.kind) }));
  // Who wrote the other kind's key has been told of it, and what to write.
  const misplaced = strangers.some((key) => INSTEAD[key]?.[bus.kind] !== undefined);
  if (bus.kind === 'amqp' && !misplaced && known('url') && known('urls')) faults.push(...amqpAddresses(bus));
  if (bus.kind === 'nats' && !misplaced && known('servers')) faults.push(...natsAddresses(bus));
  if (known('credentials')) faults.push(...credentialFaults(bus));
  if (known('management_url') && bus.management_url !== null) {
    faults.push(...refusedUrl(bus.management_url, ['bus', 'management_url'], ['https', 'http'], MANAGEMENT_EXAMPLE));
  }
  return faults;
}

const AMQP_EXAMPLE = 'amqps://broker.example.org/%2F';
const NATS_EXAMPLE = 'nats://broker.example.org:4222';
const MANAGEMENT_EXAMPLE = 'https://broker.example.org:15671';

function stranger(key: Key, kind: Kind): Omit<CrossFault, 'at'> {
  const { kinds } = KEYS[key];
  const instead = INSTEAD[key]?.[kind];
  const keys = (Object.keys(KEYS) as Key[]).filter((each) => KEYS[each].kinds.includes(kind));
  return {
    message: `a bus of the kind ${kind} has no such key`,
    hint:
      instead === undefined
        ? `it is one of ${kinds.join(' and ')}; ${kind} has ${keys.map((each) => `\`${each}\``).join(', ')}`
        : `write ${instead}`,
  };
}

function amqpAddresses({ url, urls, tls, credentials }: RawBus): readonly CrossFault[] {
  if (url === null && urls === null) {
    return [{ at: ['bus', 'url'], message: 'is missing', hint: `for example \`${AMQP_EXAMPLE}\`` }];
  }
  if (url !== null && urls !== null) {
    return [{ at: ['bus', 'urls'], message: 'there is `url` already', hint: 'put all nodes into `urls`' }];
  }
  const placed = urls?.map((one, index): [string, Path] => [one, ['bus', 'urls', index]]) ?? [
    [url ?? '', ['bus', 'url']],
  ];
  return placed.flatMap(([one, at]) => {
    const refused = refusedUrl(one, at as Path, ['amqps', 'amqp'], AMQP_EXAMPLE);
    if (refused.length > 0) return refused;
    const parsed = new URL(one);
    return [
      ...(tls !== null && parsed.protocol === 'amqp:' ? [plainWithTls(one, at as Path)] : []),
      ...(credentials !== null && parsed.username !== '' ? [twoLogins(at as Path)] : []),
      ...(/^\/[^/]*\/?$|^$/.test(parsed.pathname) ? [] : [severalSegments(parsed, at as Path)]),
    ];
  });
}

function natsAddresses({ servers, credentials }: RawBus): readonly CrossFault[] {
  if (servers === null) {
    return [{ at: ['bus', 'servers'], message: 'is missing', hint: `for example \`[${NATS_EXAMPLE}]\`` }];
  }
  return servers.flatMap((one, index) => {
    const at = ['bus', 'servers', index];
    const refused = refusedUrl(one, at, ['nats', 'tls'], NATS_EXAMPLE);
    if (refused.length > 0) return refused;
    return credentials !== null && new URL(one).username !== '' ? [twoLogins(at)] : [];
  });
}

function refusedUrl(text: string, at: Path, schemes: readonly string[], example: string): readonly CrossFault[] {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined || !schemes.includes(scheme)) {
    const hint = `begin with ${schemes.map((name) => `${name}://`).join(' or ')}, for example \`${example}\``;
    return [{ at, message: scheme === undefined ? 'this is no URL' : `${scheme}:// leads elsewhere`, hint }];
  }
  if (URL.canParse(text) && new URL(text).hostname !== '') return [];
  const hint = `for example \`${example}\`; in a user, password or virtual host / @ : are written %2F %40 %3A`;
  return [{ at, message: 'this is no URL with a host', hint }];
}

function plainWithTls(text: string, at: Path): CrossFault {
  const hint = `write \`${withoutLogins(text).replace(/^amqp:/i, 'amqps:')}\`, or take \`tls\` out`;
  return { at, message: '`tls` is set, and amqp:// does not encrypt', hint };
}

function twoLogins(at: Path): CrossFault {
  const hint = 'keep `credentials`, and take the user out of the URL';
  return { at, message: 'two ways to come in are given', hint };
}

function severalSegments({ pathname }: URL, at: Path): CrossFault {
  const hint = `write / in it as %2F: \`/${pathname.slice(1).replaceAll('/', '%2F')}\``;
  return { at, message: 'a virtual host is one segment of the path', hint };
}

/** Which keys of `credentials` go together. */
function credentialFaults({ kind, credentials }: RawBus): readonly CrossFault[] {
  if (credentials === null || credentials === undefined) return [];
  const { user_file, token_file, creds_file } = credentials;
  const at = ['bus', 'credentials'];
  const ways = kind === 'nats' ? NATS_WAYS : '`user_file` and `password_file`';
  if (kind === 'amqp') {
    const wrong = (['token_file', 'creds_file'] as const).filter((key) => credentials[key] !== undefined);
    if (wrong.length > 0) {
      const message = 'RabbitMQ does not come in by this';
      return wrong.map((key) => ({ at: [...at, key], message, hint: `write ${ways}` }));
    }
  }
  const given = [user_file, token_file, creds_file].filter((one) => one !== undefined).length;
  if (given === 1) return [];
  return [
    given === 0
      ? { at, message: 'no file is named', hint: `write ${ways}` }
      : { at, message: 'several ways to come in are given', hint: `keep one of ${ways}` },
  ];
}

const NATS_WAYS = '`user_file` and `password_file`, `token_file`, `creds_file`';
