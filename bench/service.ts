/** How soon the service takes its first message, and what it costs while nothing happens: the real process. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { CliFolder, type RunningCli } from '../test/support/cli.js';
import { PREFIX } from '../test/support/samples.js';
import { requireEngine, requireRegistry } from '../test/support/services.js';
import { until } from '../test/support/until.js';
import { atMost, median, type Row } from './figures.js';

/** Milliseconds from the start of the process to its first consumed message. */
const START_LIMIT = 1_000;
const RSS_LIMIT_MB = 180;
const CPU_LIMIT_PERCENT = 1;
const STARTS = 5;
/** Milliseconds until the garbage collector has cleared away what starting left (once, 10 to 20 s after), and for which an idle service is then watched. */
const SETTLE_MS = 20_000;
const IDLE_MS = 20_000;
const POLL_MS = 5;

/** Starts `up` on new folders, then leaves the last one alone and looks at what it uses. */
export async function serviceRows(): Promise<readonly Row[]> {
  const config = { engine: requireEngine().url, registry: requireRegistry().url };
  const given = Object.fromEntries(Object.entries(config).filter(([, url]) => url !== ''));
  const starts: number[] = [];
  for (let run = 0; run < STARTS; run += 1) starts.push(await timeToFirstMessage(given));
  const { rss, cpu } = await idle(given);
  return [
    atMost('start.ms', Math.round(median(starts)), 'ms', START_LIMIT),
    atMost('idle.rss_mb', Math.round(rss), 'MB', RSS_LIMIT_MB),
    atMost('idle.cpu_percent', Math.round(cpu * 100) / 100, '%', CPU_LIMIT_PERCENT),
  ];
}

/** A push waits before the process begins; it is taken when none waits any more. */
async function timeToFirstMessage(config: { engine?: string; registry?: string }): Promise<number> {
  const cli = await CliFolder.make(config);
  try {
    const bus = await cli.bus();
    await bus.publish({ id: randomUUID(), topic: `${PREFIX}.git.receive`, headers: {}, body: { commit: {} } });
    const began = performance.now();
    const up = cli.start(['up']);
    while ((await bus.waiting('trigger')) > 0) {
      if (up.child.exitCode !== null) throw new Error(`the service ended: ${up.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const took = performance.now() - began;
    await stop(up);
    return took;
  } finally {
    await cli.close();
  }
}

async function idle(config: { engine?: string; registry?: string }): Promise<{ rss: number; cpu: number }> {
  const cli = await CliFolder.make(config);
  try {
    const up = cli.start(['up']);
    const url = await until('the service is up', () => /http:\S+(?=\/readyz)/.exec(up.stdout)?.[0], 30_000);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const before = await cpuSeconds(url);
    const began = performance.now();
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const used = (await cpuSeconds(url)) - before;
    const cpu = (used * 1_000 * 100) / (performance.now() - began);
    const rss = await residentMegabytes(up.child.pid ?? 0);
    await stop(up);
    return { rss, cpu };
  } finally {
    await cli.close();
  }
}

/** Processor time of the process so far, by its own account. */
async function cpuSeconds(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = /^layerwright_process_cpu_seconds_total (\S+)$/m.exec(text)?.[1];
  if (found === undefined) throw new Error('the service does not tell its processor time');
  return Number(found);
}

/** In units of 1,000,000 bytes, as the system sees it. */
async function residentMegabytes(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return (Number(stdout) * 1_024) / 1_000_000;
}

async function stop(up: RunningCli): Promise<void> {
  up.child.kill('SIGTERM');
  const { code, stderr } = await up.ended;
  if (code !== 0) throw new Error(`the service ended with ${code}: ${stderr}`);
}
