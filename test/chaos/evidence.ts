/** Reads the three stores, and nothing else: the log by a bus of its own, the registry by HTTP, git by git. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type LogName, openBus, topology } from '../../src/bus/index.js';
import { settingsOf } from '../../src/library/address.js';
import { SERVICE_GIT, SERVICE_PREFIX } from '../support/service.js';
import type { Evidence, LogLine, RepositoryEvidence } from './judge.js';

/** Where the stores are. */
export interface Stores {
  /** A URL, or the path of a file. */
  readonly bus: string;
  readonly registry: string;
  /** Of the images: `SPACE/COMPONENT`. */
  readonly space: string;
  /** Folder of the bare repositories, `COMPONENT.git`. */
  readonly git: string;
  readonly branch: string;
  readonly supersede: boolean;
}

const execute = promisify(execFile);
const MANIFESTS = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
].join(', ');

export async function gather(stores: Stores): Promise<Evidence> {
  const bus = await openBus(settingsOf(stores.bus), topology({ prefix: SERVICE_PREFIX, ...SERVICE_GIT }));
  try {
    const read = async (log: LogName): Promise<LogLine[]> => {
      const lines: LogLine[] = [];
      for await (const batch of bus.read(log, 'start')) {
        for (const { message } of batch) lines.push({ id: message.id, topic: message.topic, body: message.body });
      }
      return lines;
    };
    const [log, dead] = [await read('ours'), await read('dead')];
    const names = (await readdir(stores.git)).filter((name) => name.endsWith('.git')).sort();
    const repositories: RepositoryEvidence[] = [];
    for (const name of names) repositories.push(await repositoryOf(stores, name.slice(0, -'.git'.length)));
    return { supersede: stores.supersede, log, repositories, deadLetters: dead.length };
  } finally {
    await bus.close();
  }
}

async function repositoryOf({ git, branch, registry, space }: Stores, component: string): Promise<RepositoryEvidence> {
  const bare = join(git, `${component}.git`);
  const { stdout } = await execute('git', ['-C', bare, 'rev-list', '--reverse', '--first-parent', branch]);
  return { component, commits: stdout.trim().split('\n'), tags: await tagsOf(registry, `${space}/${component}`) };
}

async function tagsOf(registry: string, repository: string): Promise<Readonly<Record<string, string>>> {
  const answer = await fetch(`${registry}/v2/${repository}/tags/list`);
  if (answer.status === 404) return {};
  if (!answer.ok) throw new Error(`tags of ${repository}: ${answer.status}`);
  const { tags } = (await answer.json()) as { tags: string[] | null };
  const found: Record<string, string> = {};
  for (const tag of tags ?? []) {
    const head = await fetch(`${registry}/v2/${repository}/manifests/${tag}`, {
      method: 'HEAD',
      headers: { accept: MANIFESTS },
    });
    // A registry that is killed while it tags lists one that stands for nothing. That is no digest: where a tag counts, it is wrong.
    if (head.status !== 404 && !head.ok) throw new Error(`${repository}:${tag}: ${head.status}`);
    found[tag] = head.headers.get('docker-content-digest') ?? '';
  }
  return found;
}
