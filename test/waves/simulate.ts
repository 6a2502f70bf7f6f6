/** The simulation of waves as `npm run simulate` runs it. */
import { inProcesses } from '../simulation/processes.js';
import { SIGMA } from './lengths.js';
import { addUp, type ShareReport, type SimulationOptions, type SimulationReport, simulateShare } from './report.js';

/** Runs all of it in so many processes; one of them alone, or 1 process: in this one. */
export async function simulateWaves(options: SimulationOptions, processes = 1): Promise<SimulationReport> {
  const began = performance.now();
  const { say = () => undefined, ...sent } = options;
  const isAlone = processes === 1 || options.only !== undefined;
  const parts = Array.from({ length: processes }, (_, index) => ({ ...sent, share: { index, of: processes } }));
  const program = new URL('./share-program.ts', import.meta.url);
  const shares = isAlone
    ? [await simulateShare(options)]
    : await inProcesses<(typeof parts)[number], ShareReport>(program, parts, say);
  return addUp(shares, { seed: options.seed, sigma: SIGMA, seconds: (performance.now() - began) / 1_000 });
}
