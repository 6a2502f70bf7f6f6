import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.js';

/** The wall clock of one other process, to be set while it runs or before it starts. */
export interface JumpingClock {
  /** What that process is to be started with. */
  readonly env: NodeJS.ProcessEnv;
  /** Sets it so many milliseconds ahead of the true time; resolves when it is. */
  set(pid: number, aheadMs: number): Promise<void>;
  /** For the next process, from its start. Without it that goes on as the last one was set. */
  preset(aheadMs: number): Promise<void>;
  remove(): Promise<void>;
}

export async function jumpingClock(): Promise<JumpingClock> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-clock-'));
  const file = join(folder, 'clock');
  const preload = new URL('./preload-clock.mjs', import.meta.url).href;
  return {
    env: { NODE_OPTIONS: `--import ${preload}`, LAYERWRIGHT_TEST_CLOCK: file },
    set: async (pid, aheadMs) => {
      await writeFile(file, String(aheadMs));
      process.kill(pid, 'SIGUSR2');
      await until('the clock is set', async () => {
        const set = await readFile(`${file}.set`, 'utf8').catch(() => '');
        return set === String(aheadMs);
      });
    },
    preset: (aheadMs) => writeFile(file, String(aheadMs)),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
