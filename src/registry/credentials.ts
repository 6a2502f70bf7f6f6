import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isJsonObject, type Json, type JsonObject } from '../kernel/json.js';
import { ServiceError } from '../kernel/service-error.js';
import type { RegistryCredentials, RegistryLogin } from './contract.js';

/** User name by which docker marks an identity token (its `credentials` package; used with OAuth2's refresh grant). */
export const IDENTITY_TOKEN_USER = '<token>';

const HUB_KEY = 'https://index.docker.io/v1/';
const HELPER_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const HELPER_TIMEOUT_MS = 10_000;
const HELPER_OUTPUT_BYTES = 65_536;
const HELPER_CACHE_MS = 300_000;

/**
 * Logins of one registry. Files are read for each question, so a rotated secret needs no restart; what a credential
 * helper said is kept for five minutes or until it is refused.
 */
export class CredentialSource {
  readonly #credentials: RegistryCredentials;
  readonly #host: string;
  readonly #env: NodeJS.ProcessEnv;
  #helped: { readonly login: RegistryLogin; readonly until: number } | null = null;

  constructor(credentials: RegistryCredentials, host: string, env: NodeJS.ProcessEnv) {
    this.#credentials = credentials;
    this.#host = host;
    this.#env = env;
  }

  /** Null when there is none. Throws `registry_denied` when they are configured and can't be read. */
  async login(): Promise<RegistryLogin | null> {
    const from = this.#credentials;
    switch (from.kind) {
      case 'none':
        return null;
      case 'files': {
        const [username, password] = await Promise.all([readSecret(from.userFile), readSecret(from.passwordFile)]);
        return { username, password };
      }
      case 'docker_config':
        return this.#fromDockerConfig(from.path);
    }
  }

  /** What was given last was refused: ask a helper anew. */
  forget(): void {
    this.#helped = null;
  }

  async #fromDockerConfig(path: string | null): Promise<RegistryLogin | null> {
    if (this.#helped !== null && this.#helped.until > performance.now()) return this.#helped.login;
    const file = path ?? join(this.#env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
    const config = await readConfig(file, path !== null);
    if (config === null) return null;
    const keys = keysOf(this.#host);
    const helper = pick(config['credHelpers'], keys) ?? config['credsStore'];
    if (typeof helper === 'string' && helper !== '') {
      const login = await askHelper(helper, keys, this.#env);
      if (login !== null) {
        this.#helped = { login, until: performance.now() + HELPER_CACHE_MS };
        return login;
      }
    }
    return loginOf(pick(config['auths'], keys));
  }
}

/** The names under which docker's config file may have a registry; docker's own first. */
export function keysOf(host: string): readonly string[] {
  const hosts = host === 'docker.io' ? ['index.docker.io', 'docker.io', 'registry-1.docker.io'] : [host];
  const urls = hosts.flatMap((name) =>
    ['https://', 'http://'].flatMap((scheme) => ['', '/', '/v1/', '/v2/'].map((path) => `${scheme}${name}${path}`)),
  );
  return [...(host === 'docker.io' ? [HUB_KEY] : []), ...hosts, ...urls];
}

/** The login of an entry of `auths`; null for one that holds none (docker leaves `{}` beside a credential store). */
export function loginOf(entry: Json | undefined): RegistryLogin | null {
  if (!isJsonObject(entry)) return null;
  const { auth, username, password, identitytoken } = entry;
  if (typeof identitytoken === 'string' && identitytoken !== '')
    return { username: IDENTITY_TOKEN_USER, password: identitytoken };
  if (typeof auth === 'string' && auth !== '') {
    const text = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
    const colon = text.indexOf(':');
    return colon < 1 ? null : { username: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  return typeof username === 'string' && typeof password === 'string' ? { username, password } : null;
}

function pick(table: Json | undefined, keys: readonly string[]): Json | undefined {
  if (!isJsonObject(table)) return undefined;
  const key = keys.find((name) => Object.hasOwn(table, name));
  return key === undefined ? undefined : table[key];
}

async function readSecret(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new ServiceError('registry_denied', `The credentials file ${file} can’t be read.`, { cause });
  }
}

async function readConfig(file: string, mustExist: boolean): Promise<JsonObject | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (!mustExist && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw new ServiceError('registry_denied', `Docker’s config file ${file} can’t be read.`, { cause });
  }
  try {
    const parsed = JSON.parse(text) as Json;
    if (isJsonObject(parsed)) return parsed;
  } catch {
    // Said below, without the parser's message: that would quote from a file of secrets.
  }
  throw new ServiceError('registry_denied', `Docker’s config file ${file} is not a JSON object.`);
}

async function askHelper(name: string, keys: readonly string[], env: NodeJS.ProcessEnv): Promise<RegistryLogin | null> {
  if (!HELPER_NAME.test(name))
    throw new ServiceError('registry_denied', `Docker’s config file names an impossible credential helper.`);
  const [key] = keys;
  const output = await runHelper(`docker-credential-${name}`, key ?? '', env);
  if (output === null) return null;
  try {
    const parsed = JSON.parse(output) as Json;
    if (isJsonObject(parsed) && typeof parsed['Username'] === 'string' && typeof parsed['Secret'] === 'string')
      return { username: parsed['Username'], password: parsed['Secret'] };
  } catch {
    // Said below; the output may hold a secret.
  }
  throw new ServiceError(
    'registry_denied',
    `The credential helper docker-credential-${name} did not answer with JSON.`,
  );
}

/** What the helper wrote; null when it has nothing for the key (its protocol: exit 1 and a sentence on stdout). */
function runHelper(command: string, key: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const options = { env, timeout: HELPER_TIMEOUT_MS, maxBuffer: HELPER_OUTPUT_BYTES };
    const child = execFile(command, ['get'], options, (error, stdout) => {
      if (error === null) resolve(stdout);
      else if (error.code === 1 && /credentials not found/i.test(stdout)) resolve(null);
      else
        reject(
          new ServiceError('registry_denied', `The credential helper ${command} failed.`, {
            detail: String(error.code),
          }),
        );
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(key);
  });
}
