import { readFile } from 'node:fs/promises';
import { ServiceError } from '../kernel/service-error.js';
import type { Admitted } from './access.js';

/** Taken over from our own environment: how to find programs, proxies, authorities and, for ssh, keys. */
const KEPT: readonly string[] = [
  'PATH',
  'http_proxy',
  'https_proxy',
  'HTTPS_PROXY',
  'all_proxy',
  'ALL_PROXY',
  'no_proxy',
  'NO_PROXY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
  'CURL_CA_BUNDLE',
];
/** Slower than this, in bytes a second for as many seconds, and a transfer is given up. */
const LOW_SPEED = { limit: '500', seconds: '30' };
/** User name that forges take beside a token when none is configured. */
const TOKEN_USER = 'layerwright';

/** The environment of a git that only reads a mirror: no configuration but the mirror's own, nobody to ask. */
export function localEnvironment(from: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = KEPT.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]] as const]));
  return {
    ...Object.fromEntries(kept),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_LAZY_FETCH: '1',
  };
}

/**
 * The environment of a git that talks to one host. The secret is in the environment alone (git-config, "GIT_CONFIG_COUNT"),
 * bound to that host. Throws `source_unavailable` when its file can't be read. `globalConfig` is a file of ours.
 */
export async function remoteEnvironment(
  { rule, protocol, origin, pinned }: Admitted,
  from: NodeJS.ProcessEnv,
  globalConfig: string | null,
): Promise<NodeJS.ProcessEnv> {
  const config: [string, string][] = [
    ['protocol.version', '2'],
    ['credential.helper', ''],
    ['http.followRedirects', 'false'],
    ['http.lowSpeedLimit', LOW_SPEED.limit],
    ['http.lowSpeedTime', LOW_SPEED.seconds],
  ];
  if (pinned !== null && protocol.startsWith('http')) config.push(['http.curloptResolve', pinned]);
  if (rule.tokenFile !== null && protocol.startsWith('http')) {
    const secret = await readToken(rule.tokenFile);
    const pair = Buffer.from(`${rule.user ?? TOKEN_USER}:${secret}`).toString('base64');
    config.push([`http.${origin}/.extraHeader`, `Authorization: Basic ${pair}`]);
  }
  const ssh = protocol !== 'ssh' ? {} : { HOME: from['HOME'], SSH_AUTH_SOCK: from['SSH_AUTH_SOCK'] };
  return {
    ...localEnvironment(from),
    ...ssh,
    GIT_ALLOW_PROTOCOL: protocol,
    GIT_SSH_COMMAND: 'ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=15',
    ...(globalConfig === null ? {} : { GIT_CONFIG_GLOBAL: globalConfig }),
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(
      config.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new ServiceError('source_unavailable', `The credentials file ${file} can’t be read.`, { cause });
  }
}
