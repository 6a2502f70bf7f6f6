/** How long a replay of a long history takes to plan: the command itself, on a bus, a ledger and repositories on disk. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bus } from '../src/bus/index.js';
import type { Message } from '../src/messages/index.js';
import { CliFolder } from '../test/support/cli.js';
import { completed, PREFIX, requested, sampleBuild, started, withNvr } from '../test/support/samples.js';
import { pushMessage } from '../test/support/service.js';
import { atMost, type Row, shown } from './figures.js';

/** Seconds in which 100,000 messages must be planned. */
const LIMIT_S = 30;

const COMPONENTS = 20;
/** Pushes of each component; four messages each, but for the lost ones. */
const PUSHES = 1_256;
/** The last pushes of each component, of which nothing came. */
const LOST = 8;
/** Publishes at one time: the embedded bus stores them together. */
const AT_ONCE = 500;

const exec = promisify(execFile);

/**
 * Plans a replay of both logs: `layerwright replay --dry-run`, a process of its own with a ledger that it folds anew and
 * mirrors that it fetches anew.
 */
export async function replayRows(): Promise<readonly Row[]> {
  const cli = await CliFolder.make();
  try {
    const bus = await cli.bus();
    let messages = 0;
    for (let number = 0; number < COMPONENTS; number += 1) {
      const component = `component-${number}`;
      const commits = await makeCommits(join(cli.folder, 'git', 'container', `${component}.git`));
      messages += await publishAll(bus, historyOf(component, commits));
    }
    const begun = performance.now();
    const { code, stdout, stderr } = await cli.run(['replay', '--dry-run', '--json']);
    const seconds = (performance.now() - begun) / 1_000;
    const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}') as {
      readonly sum?: { readonly builds: number };
    };
    // Of each component the newest commit is built; it stands in for the others.
    if (code !== 0 || last.sum?.builds !== COMPONENTS) throw new Error(`the plan is wrong (${code}): ${stderr}`);
    return [
      atMost('replay.plan_s', Number((seconds * (100_000 / messages)).toFixed(2)), 's / 100,000 messages', LIMIT_S),
      shown('replay.planned_messages', messages, 'messages'),
    ];
  } finally {
    await cli.close();
  }
}

/** A bare repository with a branch of so many commits, oldest first. */
async function makeCommits(folder: string): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  await exec('git', ['init', '--quiet', '--bare', '--initial-branch=f41', folder]);
  const git = spawn('git', ['fast-import', '--quiet'], { cwd: folder, stdio: ['pipe', 'ignore', 'inherit'] });
  const commits = Array.from(
    { length: PUSHES },
    (_, n) =>
      `commit refs/heads/f41\ncommitter A <a@example.org> ${1_700_000_000 + n} +0000\ndata 1\n.\nM 644 inline note\ndata <<END\n${n}\nEND\n\n`,
  );
  git.stdin.end(commits.join(''));
  const [code] = (await once(git, 'close')) as [number | null];
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
  const { stdout } = await exec('git', ['rev-list', '--reverse', 'f41'], { cwd: folder });
  return stdout.trimEnd().split('\n');
}

function* historyOf(component: string, commits: readonly string[]): Generator<Message> {
  for (const [n, commit] of commits.entries()) {
    const push = { ...pushMessage(component, commit), topic: `${PREFIX}.git.receive` };
    yield push;
    if (n >= commits.length - LOST) continue;
    const build = sampleBuild({ component, source: { commit }, cause: { message: push.id } });
    yield requested(build);
    const named = withNvr(build, '2.4', `${n}.f41`);
    yield started(named);
    yield completed(named);
  }
}

async function publishAll(bus: Bus, messages: Iterable<Message>): Promise<number> {
  let count = 0;
  let batch: Promise<void>[] = [];
  for (const message of messages) {
    batch.push(bus.publish(message));
    count += 1;
    if (batch.length < AT_ONCE) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
  return count;
}
