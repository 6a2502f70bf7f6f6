/** Runs targets one after the other, and ends a process that hangs in one. */
import { Worker } from 'node:worker_threads';
import type { FuzzReport, FuzzTarget } from './target.js';

export interface RunOptions {
  readonly cases: number;
  readonly seed: number;
  readonly path?: string;
  /** Hears of each target: null when it begins. */
  readonly say: (target: FuzzTarget, report: FuzzReport | null, ms: number) => void;
}

/** A case that runs so long does not end by itself. Shrinking pauses between cases too, but never for long. */
const HANGS_MS = 60_000;

/** Reports of all targets; never stops at a failure. A case that hangs ends the process, having said which it was. */
export async function runTargets(targets: readonly FuzzTarget[], options: RunOptions): Promise<readonly FuzzReport[]> {
  const reports: FuzzReport[] = [];
  for (const target of targets) {
    options.say(target, null, 0);
    const watch = watchOver(target.name, options.seed);
    const began = performance.now();
    try {
      const { cases, seed, path } = options;
      const report = await target.run({ cases, seed, ...(path === undefined ? {} : { path }), onCase: watch.onCase });
      reports.push(report);
      options.say(target, report, performance.now() - began);
    } finally {
      await watch.end();
    }
  }
  return reports;
}

/** Looks at the count of cases from another thread, since a hanging case holds this one. */
const WATCHER = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const count = new Int32Array(workerData.count);
let seen = -1;
setInterval(() => {
  const now = Atomics.load(count, 0);
  if (now === seen) {
    writeSync(2, workerData.text.replaceAll('%', String(now)) + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }
  seen = now;
}, workerData.limit);
`;

function watchOver(name: string, seed: number): { readonly onCase: () => void; end(): Promise<unknown> } {
  const count = new SharedArrayBuffer(4);
  const cases = new Int32Array(count);
  const text = `${name} hangs in case % of seed ${seed}; --target ${name} --seed ${seed} --cases % runs up to it`;
  const worker = new Worker(WATCHER, { eval: true, workerData: { count, text, limit: HANGS_MS } });
  return { onCase: () => void Atomics.add(cases, 0, 1), end: () => worker.terminate() };
}
