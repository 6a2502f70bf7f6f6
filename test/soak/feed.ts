/** Commits by the thousand, made beforehand, and pushed one after the other as fast as the service ends them. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Follower } from '../../src/bus/index.js';
import type { JsonObject } from '../../src/kernel/json.js';
import { BRANCH, type ServiceFolder } from '../support/service.js';

const exec = promisify(execFile);
const ENDS = /\.build\.(completed|failed|canceled)$/;
/** A build that takes longer has hung. */
const STUCK_MS = 120_000;

/** Every commit has these files: the engine's cache has the layers from the second build on. */
export const CACHED_FILES: Readonly<Record<string, string>> = {
  Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY file /\n',
  file: 'the same in each commit\n',
};

/** What became of the builds of some pushes. */
export interface FeedReport {
  readonly completed: number;
  /** One sentence each. */
  readonly others: readonly string[];
  readonly ms: number;
}

interface Component {
  readonly name: string;
  readonly bare: string;
  /** Those that are still to be pushed, in order. */
  readonly commits: string[];
}

/** Repositories whose commits are pushed; at most one push of each is under way, so that none supersedes another. */
export class Feed {
  readonly #service: ServiceFolder;
  readonly #components: readonly Component[];
  readonly #waiting = new Map<string, (end: string) => void>();
  #follower: Follower | null = null;

  private constructor(service: ServiceFolder, components: readonly Component[]) {
    this.#service = service;
    this.#components = components;
  }

  /** `repositories` of `commits` each; more of them are pushed at the same time than a builder has slots. */
  static async make(service: ServiceFolder, repositories: number, commits: number): Promise<Feed> {
    const components: Component[] = [];
    for (let at = 0; at < repositories; at += 1) {
      const name = `cached-${at}`;
      const bare = join(service.folder, 'git', 'container', `${name}.git`);
      components.push({ name, bare, commits: await importCommits(bare, name, commits) });
    }
    const feed = new Feed(service, components);
    feed.#follower = await service.bus.follow('ours', 'end', (batch) => {
      for (const { message } of batch) feed.#heard(message.topic, message.body);
    });
    return feed;
  }

  /** Pushes so many commits; resolves when the last of them has ended. Throws when one hangs. */
  async push(count: number): Promise<FeedReport> {
    const began = performance.now();
    const ends: string[] = [];
    let left = count;
    const lane = async (component: Component): Promise<void> => {
      for (; left > 0; ) {
        left -= 1;
        const commit = component.commits.shift();
        if (commit === undefined) throw new Error('there are no commits left');
        ends.push(await this.#one(component, commit));
      }
    };
    await Promise.all(this.#components.map(lane));
    const others = ends.filter((end) => end !== 'completed');
    return { completed: ends.length - others.length, others, ms: performance.now() - began };
  }

  async stop(): Promise<void> {
    await this.#follower?.stop();
  }

  async #one({ name, bare }: Component, commit: string): Promise<string> {
    const file = join(bare, 'refs', 'heads', BRANCH);
    await writeFile(`${file}.new`, `${commit}\n`);
    await rename(`${file}.new`, file);
    let timer: NodeJS.Timeout | undefined;
    const ended = new Promise<string>((resolve, reject) => {
      this.#waiting.set(commit, resolve);
      timer = setTimeout(() => reject(new Error(`the build of ${name} ${commit} did not end`)), STUCK_MS);
    });
    await this.#service.announce(name, commit);
    return ended.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(commit);
    });
  }

  #heard(topic: string, body: JsonObject): void {
    const what = ENDS.exec(topic)?.[1];
    if (what === undefined) return;
    const source = (body['build'] as JsonObject | undefined)?.['source'] as JsonObject | undefined;
    const why = JSON.stringify(body['failure'] ?? body['reason'] ?? '');
    this.#waiting.get(String(source?.['commit']))?.(what === 'completed' ? what : `${what}: ${why}`);
  }
}

/** A bare repository with so many commits, its branch at none of them yet; the commits, oldest first. */
async function importCommits(bare: string, name: string, count: number): Promise<string[]> {
  await mkdir(bare, { recursive: true });
  await exec('git', ['init', '--quiet', '--bare', `--initial-branch=${BRANCH}`], { cwd: bare });
  const git = spawn('git', ['fast-import', '--quiet'], { cwd: bare, stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = once(git, 'exit');
  const files = Object.entries(CACHED_FILES).map(([path, text]) => `M 100644 inline ${path}\n${data(text)}`);
  for (let at = 0; at < count; at += 1) {
    const who = `A Maintainer <a@example.org> ${1_700_000_000 + at} +0000`;
    const message = data(`${name}, change ${at}`);
    git.stdin.write(`commit refs/soak/all\ncommitter ${who}\n${message}${at === 0 ? files.join('') : ''}\n`);
  }
  git.stdin.end();
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
  const list = ['rev-list', '--reverse', 'refs/soak/all'];
  const { stdout } = await exec('git', list, { cwd: bare, maxBuffer: 64 * count + 1_024 });
  // What a push has not brought yet is no ref's, so that nobody fetches it.
  await exec('git', ['update-ref', '-d', 'refs/soak/all'], { cwd: bare });
  return stdout.trim().split('\n');
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}
