import { isJsonObject, type Json } from '../kernel/json.js';
import type { RegistryLogin } from './contract.js';
import { type CredentialSource, IDENTITY_TOKEN_USER } from './credentials.js';
import { answerFault, deniedFault, nonsense } from './faults.js';
import { type Answer, type Ask, bodyFault, readAll, readSome, type Transport } from './transport.js';

/** What a registry asks for in `WWW-Authenticate`. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      readonly realm: string;
      readonly service: string | null;
      readonly scope: string | null;
    };

/** Right to do something with one repository, as `repository:f41/httpd:pull,push`. */
export type Scope = string;

/** A token without a stated life lives a minute (token specification, `expires_in`). */
const DEFAULT_LIFE_S = 60;
/** A token is renewed this much before its end, so that no request goes out with one that ends on the way. */
const MARGIN = 0.1;
const MAX_TOKENS = 1_000;
const TOKEN_ANSWER_BYTES = 1_048_576;
const MAX_CHALLENGE = 4_096;
/** What a header may hold; a token with anything else is refused, not sent. */
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * Finds the `Authorization` of each request: none until the registry asks for one, then as it asked (basic, or a token
 * of the realm that it named). Tokens are kept by scope until shortly before their end.
 */
export class Authorizer {
  readonly #transport: Transport;
  readonly #credentials: CredentialSource;
  readonly #secure: boolean;
  #challenge: Challenge | null = null;
  readonly #tokens = new Map<string, { readonly header: string; readonly until: number }>();
  readonly #pending = new Map<string, Promise<string>>();

  /** `secure`: the registry is spoken to by TLS, so its token service must be too. */
  constructor(transport: Transport, credentials: CredentialSource, secure: boolean) {
    this.#transport = transport;
    this.#credentials = credentials;
    this.#secure = secure;
  }

  /** The header to send from what is known so far; null for none. */
  async header(scopes: readonly Scope[]): Promise<string | null> {
    if (this.#challenge === null) return null;
    if (this.#challenge.scheme === 'basic') return this.#basic();
    return this.#known(scopes) ?? (await this.#token(this.#challenge, scopes));
  }

  /** The header to try again with after a 401. Throws `registry_denied` when there is none better than `sent`. */
  async challenged(text: string | undefined, scopes: readonly Scope[], sent: string | null): Promise<string> {
    const challenge = parseChallenge(text ?? '');
    if (challenge === null)
      throw deniedFault(this.#transport.registry, 'It did not say which authentication it wants.');
    this.#challenge = challenge;
    if (sent !== null) this.#credentials.forget();
    if (challenge.scheme === 'basic') {
      const header = await this.#basic();
      if (header === null)
        throw deniedFault(this.#transport.registry, 'It wants a user and a password; none are configured.');
      if (header === sent) throw deniedFault(this.#transport.registry, 'The user and the password were refused.');
      return header;
    }
    // Another request may have been given a token since this one went out.
    const known = this.#known(scopes);
    if (known !== null && known !== sent) return known;
    this.#tokens.delete(keyOf(scopes));
    const wanted = challenge.scope === null ? scopes : [...new Set([...scopes, ...challenge.scope.split(' ')])];
    return this.#token(challenge, scopes, wanted);
  }

  async #basic(): Promise<string | null> {
    const login = await this.#credentials.login();
    return login === null ? null : basicHeader(login);
  }

  #known(scopes: readonly Scope[]): string | null {
    // A token for pull and push does for a pull of the same repository.
    const wider = scopes.map((scope) => scope.replace(/:pull$/, ':pull,push'));
    for (const key of [keyOf(scopes), keyOf(wider)]) {
      const token = this.#tokens.get(key);
      if (token !== undefined && token.until > performance.now()) return token.header;
    }
    return null;
  }

  #token(challenge: Challenge & { scheme: 'bearer' }, scopes: readonly Scope[], wanted = scopes): Promise<string> {
    const key = keyOf(scopes);
    const running = this.#pending.get(key);
    if (running !== undefined) return running;
    const asked = this.#fetchToken(challenge, key, wanted).finally(() => this.#pending.delete(key));
    this.#pending.set(key, asked);
    return asked;
  }

  async #fetchToken(
    challenge: Challenge & { scheme: 'bearer' },
    key: string,
    scopes: readonly Scope[],
  ): Promise<string> {
    const registry = this.#transport.registry;
    const login = await this.#credentials.login();
    const answer = await this.#transport.send(tokenRequest(this.#realm(challenge.realm), challenge, scopes, login));
    if (answer.status !== 200) {
      const { status, headers } = answer;
      const refusal = { status, method: 'GET', body: await readSome(answer), retryAfter: headers['retry-after'] };
      const fault = answerFault(`${registry} (its token service)`, refusal);
      throw status === 400 || status === 404 ? deniedFault(registry, fault.detail, fault) : fault;
    }
    const { token, lifeMs } = readToken(registry, answer, await readAll(registry, answer, TOKEN_ANSWER_BYTES));
    const header = `Bearer ${token}`;
    if (this.#tokens.size >= MAX_TOKENS) this.#tokens.clear();
    this.#tokens.set(key, { header, until: performance.now() + lifeMs * (1 - MARGIN) });
    return header;
  }

  #realm(text: string): URL {
    const realm = URL.canParse(text) ? new URL(text) : null;
    const fits = realm?.protocol === 'https:' || (realm?.protocol === 'http:' && !this.#secure);
    if (realm === null || !fits) throw nonsense(this.#transport.registry, 'names a token service that can’t be used');
    return realm;
  }
}

/** Reads `WWW-Authenticate` (RFC 9110, 11.6.1); of several challenges a bearer one is taken first. Null for neither. */
export function parseChallenge(text: string): Challenge | null {
  const schemes = new Map<string, Map<string, string>>();
  let current = '';
  const part = /\b(?:([A-Za-z]+)\s+)?([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/g;
  for (const [, scheme, name, quoted, bare] of text.slice(0, MAX_CHALLENGE).matchAll(part)) {
    if (scheme !== undefined) current = scheme.toLowerCase();
    const parameters = schemes.get(current) ?? new Map<string, string>();
    schemes.set(current, parameters);
    parameters.set((name ?? '').toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
  }
  const bearer = schemes.get('bearer');
  const realm = bearer?.get('realm');
  if (bearer !== undefined && realm !== undefined)
    return { scheme: 'bearer', realm, service: bearer.get('service') ?? null, scope: bearer.get('scope') ?? null };
  return schemes.has('basic') || /^\s*basic\s*$/i.test(text) ? { scheme: 'basic' } : null;
}

function tokenRequest(
  realm: URL,
  { service }: { readonly service: string | null },
  scopes: readonly Scope[],
  login: RegistryLogin | null,
): Ask {
  const parameters: [string, string][] = scopes.map((scope) => ['scope', scope]);
  if (service !== null) parameters.push(['service', service]);
  if (login?.username === IDENTITY_TOKEN_USER) return refreshRequest(realm, parameters, login.password);
  const url = new URL(realm);
  for (const [name, value] of parameters) url.searchParams.append(name, value);
  if (login !== null) url.searchParams.append('account', login.username);
  const headers = login === null ? {} : { authorization: basicHeader(login) };
  return { method: 'GET', url, headers, body: null };
}

/** OAuth2's refresh grant, by which an identity token is changed into an access token. */
function refreshRequest(url: URL, parameters: readonly [string, string][], identityToken: string): Ask {
  const form = new URLSearchParams([
    ['grant_type', 'refresh_token'],
    ['client_id', 'layerwright'],
    ['refresh_token', identityToken],
    ...parameters.filter(([name]) => name !== 'scope'),
    [
      'scope',
      parameters
        .filter(([name]) => name === 'scope')
        .map(([, scope]) => scope)
        .join(' '),
    ],
  ]);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { method: 'POST', url, headers, body: Buffer.from(form.toString()) };
}

function readToken(
  registry: string,
  given: Answer,
  bytes: Buffer,
): { readonly token: string; readonly lifeMs: number } {
  let parsed: Json;
  try {
    parsed = JSON.parse(bytes.toString('utf8')) as Json;
  } catch {
    throw bodyFault(registry, given, 'has a token service that does not answer with JSON');
  }
  const answer = isJsonObject(parsed) ? parsed : {};
  const token = answer['token'] ?? answer['access_token'];
  if (typeof token !== 'string' || !TOKEN.test(token))
    throw nonsense(registry, 'has a token service that gives no usable token');
  const life = answer['expires_in'];
  return { token, lifeMs: 1_000 * (typeof life === 'number' && life > 0 ? life : DEFAULT_LIFE_S) };
}

function basicHeader({ username, password }: RegistryLogin): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function keyOf(scopes: readonly Scope[]): string {
  return [...scopes].sort().join(' ');
}
