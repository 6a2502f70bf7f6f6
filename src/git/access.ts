import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServiceError } from '../kernel/service-error.js';
import { withoutEnd } from '../kernel/text.js';
import { isPublicAddress } from './address.js';
import type { GitAccess } from './contract.js';
import { shown } from './names.js';

/** A URL that a rule allows, in the one form that git gets and a mirror is named by. */
export interface Admitted {
  readonly rule: GitAccess;
  /** Scheme, host, port and path; or an absolute path. Never holds credentials. */
  readonly url: string;
  readonly protocol: 'https' | 'http' | 'git' | 'ssh' | 'file';
  /** `https://host:port`; empty for a local folder. */
  readonly origin: string;
  /** Host, port and the addresses that were looked at, for git to use these and no others; null when none were. */
  readonly pinned: string | null;
}

/** Resolves a name to all its addresses; `dns.lookup` but for tests. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export const systemResolve: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

interface Place {
  readonly protocol: Admitted['protocol'];
  /** Scheme, user, host and port; empty for a local folder. */
  readonly before: string;
  readonly hostname: string;
  readonly port: string;
  readonly path: string;
}

const MAX_URL = 2_048;
const PROTOCOLS: readonly string[] = ['https', 'http', 'git', 'ssh', 'file'];
const DEFAULT_PORTS: Readonly<Record<string, string>> = { https: '443', http: '80', git: '9418', ssh: '22' };
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9a-f:.]+\])$/;
/** An encoded slash, backslash, NUL or dot would be another path to the host than to our pattern. */
const ENCODED = /%(?:2e|2f|5c|00)/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const NEVER_IN_PATH = /[\x00-\x1f\x7f\\]/;

/**
 * Finds the rule for a clone URL and looks at its host's addresses. A refusal is a sentence; throws
 * `source_unavailable` when the name does not resolve (that is no refusal).
 */
export async function admit(url: string, rules: readonly GitAccess[], resolve: Resolve): Promise<Admitted | string> {
  const place = placeOf(url);
  if (typeof place === 'string') return place;
  const rule = rules.find(({ pattern }) => allows(pattern, place));
  if (rule === undefined) return `No rule in \`sources\` allows to clone ${shown(url)}.`;
  const origin = place.before;
  const admitted = { rule, url: `${place.before}${place.path}`, protocol: place.protocol, origin };
  if (place.protocol === 'file' || rule.privateAddress) return { ...admitted, pinned: null };
  const host = place.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host) === 0 ? await resolveOr(host, resolve) : [host];
  const inside = addresses.find((address) => !isPublicAddress(address));
  if (inside !== undefined)
    return `${shown(url)} leads to the address ${inside}, which is not public; its rule does not allow that.`;
  const list = addresses.map((address) => (isIP(address) === 6 ? `[${address}]` : address)).join(',');
  const port = place.port === '' ? DEFAULT_PORTS[place.protocol] : place.port;
  return { ...admitted, pinned: isIP(host) === 0 ? `${host}:${port}:${list}` : null };
}

async function resolveOr(host: string, resolve: Resolve): Promise<readonly string[]> {
  let addresses: readonly string[] = [];
  let cause: unknown;
  try {
    addresses = await resolve(host);
  } catch (thrown) {
    cause = thrown;
  }
  if (addresses.length > 0) return addresses;
  throw new ServiceError('source_unavailable', `The git host ${host} does not resolve.`, { away: true, cause });
}

/** Takes a URL apart; a sentence for one that we never clone, whatever the rules. */
function placeOf(text: string): Place | string {
  if (text.length > MAX_URL) return `A clone URL is longer than ${MAX_URL} characters.`;
  if (NEVER_IN_PATH.test(text) || text !== text.trim()) return `${shown(text)} holds characters that no clone URL has.`;
  if (text.startsWith('/')) return localPlace(text);
  if (!URL.canParse(text) || !/^[a-z]+:\/\//i.test(text))
    return `${shown(text)} is not a clone URL (https://, http://, ssh://, git://, file:// or an absolute path).`;
  const url = new URL(text);
  const protocol = url.protocol.slice(0, -1);
  if (!isProtocol(protocol)) return `${shown(text)}: the scheme ${protocol} is never used.`;
  if (url.search !== '' || url.hash !== '' || text.endsWith('?') || text.endsWith('#'))
    return `${shown(text)}: a clone URL has no query and no fragment.`;
  if (protocol === 'file') {
    if (url.host !== '' || ENCODED.test(text)) return `${shown(text)} is not a local folder.`;
    return localPlace(fileURLToPath(url));
  }
  // Never echoed: it may hold a secret.
  if (url.password !== '' || (url.username !== '' && protocol !== 'ssh'))
    return 'A clone URL must not hold a user or a password; name a file in `credentials`.';
  if (!HOST.test(url.hostname) || !/^[A-Za-z0-9_.-]*$/.test(url.username) || url.username.startsWith('-'))
    return `${shown(text)} has no usable host.`;
  if (ENCODED.test(text) || !isCleanPath(url.pathname)) return `${shown(text)} has a path that is not plain.`;
  const user = url.username === '' ? '' : `${url.username}@`;
  const { hostname, port, pathname: path } = url;
  return { protocol, before: `${protocol}://${user}${url.host}`, hostname, port, path };
}

function isProtocol(text: string): text is Admitted['protocol'] {
  return PROTOCOLS.includes(text);
}

function localPlace(path: string): Place | string {
  const plain = withoutEnd(normalize(path), /\//);
  if (NEVER_IN_PATH.test(plain) || plain === '') return `${shown(path)} is not a folder with a repository.`;
  return { protocol: 'file', before: '', hostname: '', port: '', path: plain };
}

function isCleanPath(path: string): boolean {
  const parts = path.slice(1).split('/');
  if (parts.at(-1) === '') parts.pop();
  return parts.length > 0 && parts.every((part) => !['', '.', '..'].includes(part));
}

/** The form of a clone URL that its mirror goes by; the URL itself for one that is never cloned. */
export function mirrorUrl(url: string): string {
  const place = placeOf(url);
  return typeof place === 'string' ? url : `${place.before}${place.path}`;
}

/** True when the pattern's literal parts are the place's own and each placeholder has something to stand for. */
function allows(pattern: string, place: Place): boolean {
  const literals = pattern.split(/\{[A-Za-z_]+\}/);
  // Placeholders may not be a part of the scheme or the host: the first literal holds them whole.
  const first = placeOf(`${literals[0]}${literals.length > 1 ? 'x' : ''}`);
  if (typeof first === 'string' || first.protocol !== place.protocol || first.before !== place.before) return false;
  const start = literals.length > 1 ? first.path.slice(0, -1) : first.path;
  return matches([start, ...literals.slice(1)], place.path);
}

/** Leftmost matching of literals with at least one character between them: linear, and right for plain gaps. */
function matches(literals: readonly string[], text: string): boolean {
  const [first = '', ...rest] = literals;
  if (!text.startsWith(first)) return false;
  const last = rest.pop();
  if (last === undefined) return text === first;
  let at = first.length;
  for (const literal of rest) {
    const found = text.indexOf(literal, at + 1);
    if (found === -1) return false;
    at = found + literal.length;
  }
  return text.endsWith(last) && text.length - last.length > at;
}
