import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import type { Git } from '../../git/index.js';
import type { BuildRow } from '../../ledger/index.js';
import { type Finding, fault, faultOf, warn, well } from './finding.js';

/** The oldest git whose options we use. */
const OLDEST = [2, 20] as const;
const CONNECT_MS = 5_000;
const PORTS: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80, 'ssh:': 22, 'git:': 9418 };

/** git is there and new enough. */
export async function checkGitProgram(): Promise<Finding> {
  let text: string;
  try {
    text = (await promisify(execFile)('git', ['--version'], { timeout: CONNECT_MS })).stdout.trim();
  } catch {
    return fault('git', 'there is no git', 'Install git.');
  }
  const match = /^git version (\d+)\.(\d+)/.exec(text);
  const [major, minor] = [Number(match?.[1]), Number(match?.[2])];
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return well('git', text);
  return warn('git', text, `Install git ${OLDEST.join('.')} or newer.`);
}

/** A repository that was built before answers; the surest sign that sources are reachable. */
export async function checkBuiltSource(git: Git, row: BuildRow): Promise<Finding> {
  const { repository } = row.source;
  const name = `source ${repository}`;
  try {
    const heads = await git.lsRemote(repository);
    return well(name, `${heads.size} refs`);
  } catch (thrown) {
    return faultOf(name, thrown);
  }
}

/** The host of a source's clone URL accepts a connection, or its local folder is there. */
export async function checkSourceHost(clone: string): Promise<Finding> {
  const name = `source ${clone}`;
  const folder = localFolder(clone);
  if (folder !== null) {
    const found = await stat(folder).catch(() => null);
    if (found?.isDirectory()) return well(name, `${folder} is there`);
    return fault(name, `there is no folder ${folder}`, 'Correct `clone` of this source, or make the folder.');
  }
  const place = hostAndPort(clone);
  if (place === null) return well(name, 'its host is not the same for all repositories; not looked at');
  try {
    await reach(place.host, place.port);
    return well(name, `${place.host}:${place.port} accepts connections`);
  } catch (thrown) {
    return faultOf(name, thrown, 'Check `clone` of this source, the network, and that the host is up.');
  }
}

/** The part of a local clone path that is the same for all repositories. */
export function localFolder(clone: string): string | null {
  const path = clone.startsWith('file://') ? clone.slice('file://'.length) : clone;
  if (!path.startsWith('/')) return null;
  const literal = path.split('{')[0] ?? path;
  return literal.slice(0, literal.lastIndexOf('/')) || '/';
}

/** Where a clone URL leads; null when that hangs on the repository. */
export function hostAndPort(clone: string): { readonly host: string; readonly port: number } | null {
  const scp = /^(?:[\w.-]+@)?([\w.-]+):(?!\/\/)/.exec(clone);
  if (scp?.[1] !== undefined) return { host: scp[1], port: 22 };
  let url: URL;
  try {
    url = new URL(clone.replaceAll(/[{}]/g, '_'));
  } catch {
    return null;
  }
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/]*)/i.exec(clone)?.[1] ?? '{';
  const port = Number(url.port) || PORTS[url.protocol];
  if (authority.includes('{') || url.hostname === '' || port === undefined) return null;
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

function reach(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const end = (error?: Error): void => {
      socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end(new Error(`${host}:${port} does not answer`)));
    socket.once('error', (error) => end(new Error(`${host}:${port} can't be reached: ${error.message}`)));
  });
}
