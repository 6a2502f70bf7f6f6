/** A simulation on several cores: each schedule follows from its own number, so that any process may run it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { addUp, type SimulationOptions, type SimulationReport } from './report.js';

const PROGRAM = fileURLToPath(new URL('./share-program.ts', import.meta.url));

/** What a process gets: the options that can be sent. */
export type ShareOptions = Omit<SimulationOptions, 'say'>;

/** What a process says: lines while it runs, its report at the end. */
export type ShareMessage = { readonly line: string } | { readonly report: SimulationReport };

/** Runs `simulate` in so many processes. With `untilFailure` the first failure ends all. */
export async function simulateInShares(
  { say = () => undefined, ...options }: SimulationOptions,
  processes: number,
): Promise<SimulationReport> {
  const began = performance.now();
  const children: ChildProcess[] = [];
  const reports: SimulationReport[] = [];
  const run = async (index: number): Promise<void> => {
    const child = fork(PROGRAM, { execArgv: ['--import', 'tsx'] });
    children.push(child);
    child.on('message', (message: ShareMessage) => {
      if ('line' in message) say(message.line);
      else {
        reports.push(message.report);
        if (options.untilFailure && message.report.failed.length > 0) for (const other of children) other.kill();
      }
    });
    const share: ShareOptions = { ...options, share: { index, of: processes } };
    child.send(share);
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    if (code !== 0 && signal !== 'SIGTERM') throw new Error(`a part of the simulation ended with ${code ?? signal}`);
  };
  try {
    await Promise.all(Array.from({ length: processes }, (_, index) => run(index)));
  } finally {
    for (const child of children) child.kill();
  }
  return addUp(reports, (performance.now() - began) / 1_000);
}
