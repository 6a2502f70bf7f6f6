/** Schedules on several cores. */
import { inProcesses } from './processes.js';
import { addUp, type SimulationOptions, type SimulationReport } from './report.js';

/** What a process gets: the options that can be sent. */
export type ShareOptions = Omit<SimulationOptions, 'say'>;

/** Runs `simulate` in so many processes. With `untilFailure` the first failure ends all. */
export async function simulateInShares(
  { say = () => undefined, ...options }: SimulationOptions,
  processes: number,
): Promise<SimulationReport> {
  const began = performance.now();
  const shares = Array.from(
    { length: processes },
    (_, index): ShareOptions => ({ ...options, share: { index, of: processes } }),
  );
  const reports = await inProcesses<ShareOptions, SimulationReport>(
    new URL('./share-program.ts', import.meta.url),
    shares,
    say,
    ({ failed }) => options.untilFailure === true && failed.length > 0,
  );
  return addUp(reports, (performance.now() - began) / 1_000);
}
