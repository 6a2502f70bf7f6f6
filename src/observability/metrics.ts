import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Registry } from 'prom-client';

/** What rooms count. Each method is one named series; labels are few and bounded (codes and states, never names of builds). */
export interface Metrics {
  /** A push was decided upon: `build`, or the code of the reason why not. */
  pushDecided(code: string): void;
  /** A build ended: `completed`, `failed` with its failure code, `canceled` or `skipped` with the reason's code. */
  buildEnded(state: string, code: string): void;
  /** A step of a build took so long. */
  stepTook(step: string, milliseconds: number): void;
  /** A message was dead-lettered with this code. */
  deadLettered(code: string): void;
  /** Reads a value each time that metrics are asked for; a reader that throws leaves its gauge out. */
  gauge(name: GaugeName, read: () => number | Promise<number>): void;
}

/** Values that are read when asked for, and what they say. */
export const GAUGES = {
  builds_running: 'Builds that this process works on',
  builds_waiting_for_git: 'Builds that wait for a git host that is away, as far as this process has met them',
  queue_waiting: 'Requests that wait for a builder',
  queue_cascade_waiting: 'Requests of the cascade lane that wait for a builder',
  pushes_waiting: 'Pushes that wait for a trigger',
  bus_term: 'Breaks of the connection to the bus so far',
  ledger_folded: 'Messages folded by this process',
  ledger_skipped: 'Messages of ours that were noted and skipped',
  ledger_builds: 'Builds that the ledger knows',
} as const;

export type GaugeName = keyof typeof GAUGES;

const nothing = (): void => undefined;

/** Counts nothing. */
export const silentMetrics: Metrics = {
  pushDecided: nothing,
  buildEnded: nothing,
  stepTook: nothing,
  deadLettered: nothing,
  gauge: nothing,
};

/** Metrics that can be shown. */
export interface ShownMetrics extends Metrics {
  readonly contentType: string;
  /** All series in Prometheus' text format. */
  text(): Promise<string>;
}

/** Upper bounds of the step histogram, in seconds: from a registry's HEAD to an hour of compiling. */
const STEP_BUCKETS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/** Milliseconds between two samples of the event loop's delay; the usual 10 would wake an idle process 100 times a second. */
const LOOP_SAMPLE_MS = 500;

/** Codes of dead letters that are told apart: they were written by whoever may write there. */
const MAX_CODES = 100;

/** Metrics in a registry of their own (prom-client's global one is never touched), the process's own included. */
export async function openMetrics(version: string): Promise<ShownMetrics> {
  const prom = await import('prom-client');
  const { Counter, Gauge, Histogram } = prom.default;
  const registry: Registry = new prom.default.Registry();
  const registers = [registry];
  prom.default.collectDefaultMetrics({
    register: registry,
    prefix: 'layerwright_',
    eventLoopMonitoringPrecision: LOOP_SAMPLE_MS,
  });
  const left = new Gauge({
    name: 'layerwright_nodejs_heap_size_after_gc_bytes',
    help: 'Heap that the last full garbage collection left; 0 before the first',
    registers,
  });
  afterEachCollection((bytes) => left.set(bytes));
  new Gauge({ name: 'layerwright_info', help: 'Version', labelNames: ['version'], registers }).set({ version }, 1);
  const pushes = new Counter({
    name: 'layerwright_pushes_total',
    help: 'Pushes by decision',
    labelNames: ['code'],
    registers,
  });
  const builds = new Counter({
    name: 'layerwright_builds_total',
    help: 'Builds by end',
    labelNames: ['state', 'code'],
    registers,
  });
  const dead = new Counter({
    name: 'layerwright_dead_letters_total',
    help: 'Dead letters by code',
    labelNames: ['code'],
    registers,
  });
  const steps = new Histogram({
    name: 'layerwright_step_seconds',
    help: 'Steps of builds',
    labelNames: ['step'],
    buckets: STEP_BUCKETS,
    registers,
  });
  const deadCode = fewOf(MAX_CODES);
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    pushDecided: (code) => pushes.inc({ code }),
    buildEnded: (state, code) => builds.inc({ state, code }),
    stepTook: (step, milliseconds) => steps.observe({ step }, milliseconds / 1000),
    deadLettered: (code) => dead.inc({ code: deadCode(code) }),
    gauge: (name, read) => {
      new Gauge({
        name: `layerwright_${name}`,
        help: GAUGES[name],
        registers,
        async collect() {
          try {
            this.set(await read());
          } catch {
            this.remove();
          }
        },
      });
    },
  };
}

/** Tells how much of the heap each full collection leaves: the rest is garbage, which comes and goes. */
function afterEachCollection(tell: (bytes: number) => void): void {
  const observer = new PerformanceObserver((list) => {
    const full = list.getEntries().some((entry) => {
      const { kind } = (entry as { readonly detail?: { readonly kind?: number } }).detail ?? {};
      return kind === constants.NODE_PERFORMANCE_GC_MAJOR;
    });
    if (full) tell(getHeapStatistics().used_heap_size);
  });
  observer.observe({ entryTypes: ['gc'] });
}

/** The first so many different codes as they are; any other is `other`. */
function fewOf(count: number): (code: string) => string {
  const known = new Set<string>();
  return (code) => {
    if (known.size < count) known.add(code);
    return known.has(code) ? code : 'other';
  };
}
