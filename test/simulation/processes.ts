/** A simulation on several cores: whatever it runs follows from its own number, so that any process may run it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

type Say = (line: string) => void;

/** What a process says: lines while it runs, what it found at the end. */
type Told<Report> = { readonly line: string } | { readonly report: Report };

/** Runs a program in one process for each part. `endsAll`: a report after which the others are not waited for. */
export async function inProcesses<Part extends object, Report>(
  program: URL,
  parts: readonly Part[],
  say: Say,
  endsAll: (report: Report) => boolean = () => false,
): Promise<readonly Report[]> {
  const children: ChildProcess[] = [];
  const reports: Report[] = [];
  const run = async (part: Part): Promise<void> => {
    const child = fork(fileURLToPath(program), { execArgv: ['--import', 'tsx'] });
    children.push(child);
    child.on('message', (message: Told<Report>) => {
      if ('line' in message) say(message.line);
      else {
        reports.push(message.report);
        if (endsAll(message.report)) for (const other of children) other.kill();
      }
    });
    child.send(part);
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    if (code !== 0 && signal !== 'SIGTERM') throw new Error(`a part of the simulation ended with ${code ?? signal}`);
  };
  try {
    await Promise.all(parts.map((part) => run(part)));
  } finally {
    for (const child of children) child.kill();
  }
  return reports;
}

/** The program of such a process: gets its part, says what it sees, ends. */
export async function asPart<Part, Report>(work: (part: Part, say: Say) => Promise<Report>): Promise<void> {
  const tell = (message: Told<Report>): Promise<void> =>
    new Promise((resolve) => {
      process.send?.(message, () => resolve());
    });
  const [part] = (await once(process, 'message')) as [Part];
  await tell({ report: await work(part, (line) => void tell({ line })) });
  process.disconnect();
}
