import { ServiceError, toError } from '../kernel/service-error.js';
import { pause } from '../runtime/clock.js';
import { withFirst } from '../runtime/signals.js';
import type { BuilderParts } from './parts.js';

/** Something outside that builds can't do without. */
export interface Dependency {
  /** As `engine unix:///var/run/docker.sock` or `registry candidate`. */
  readonly name: string;
  /** Resolves when it answers. */
  check(signal: AbortSignal): Promise<void>;
}

export interface DependencyState {
  readonly name: string;
  readonly ok: boolean;
  /** Why not, as one sentence; null while it is well. */
  readonly reason: string | null;
}

/** Milliseconds between looks: at what is well, and at what is away. */
const WELL_MS = 5_000;
const AWAY_MS = 1_000;
const CHECK_MS = 10_000;

/**
 * Watches the dependencies. A role that is not ready stops consuming: waiting for a dependency is no retry. A fault
 * that a build meets is reported here at once, and `ready` lets its step wait until all is well again.
 */
export class DependencyWatch {
  readonly #states = new Map<Dependency, string | null>();
  readonly #onChange: (ready: boolean) => void;
  readonly #stop = new AbortController();
  readonly #waiters = new Set<() => void>();
  #hurry = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(dependencies: readonly Dependency[], onChange: (ready: boolean) => void) {
    for (const dependency of dependencies) this.#states.set(dependency, 'not looked at yet');
    this.#onChange = onChange;
  }

  /** Looks at all once, then keeps looking. Resolves after the first look. */
  async start(): Promise<void> {
    await this.#look();
    this.#loop = this.#run();
  }

  get ok(): boolean {
    return [...this.#states.values()].every((reason) => reason === null);
  }

  states(): readonly DependencyState[] {
    return [...this.#states].map(([{ name }, reason]) => ({ name, ok: reason === null, reason }));
  }

  /** Something failed that may be a dependency's fault: look now. Resolves after the look. */
  async suspect(): Promise<void> {
    await this.#look();
    this.#hurry.abort();
  }

  /** Resolves when all is well, or the signal ends. */
  async ready(signal: AbortSignal): Promise<void> {
    while (!this.ok && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#waiters.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        this.#waiters.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#hurry.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#hurry = new AbortController();
      const ms = this.ok ? WELL_MS : AWAY_MS;
      await withFirst([this.#hurry.signal, this.#stop.signal], null, (signal) => pause(ms, signal));
      if (!this.#stop.signal.aborted) await this.#look();
    }
  }

  async #look(): Promise<void> {
    const before = this.ok;
    await withFirst([this.#stop.signal], CHECK_MS, (signal) => this.#checkAll(signal));
    if (this.ok) for (const waiter of [...this.#waiters]) waiter();
    if (this.ok !== before) this.#onChange(this.ok);
  }

  async #checkAll(signal: AbortSignal): Promise<void> {
    await Promise.all(
      [...this.#states.keys()].map(async (dependency) => {
        try {
          await dependency.check(signal);
          this.#states.set(dependency, null);
        } catch (thrown) {
          const error = toError(thrown);
          this.#states.set(
            dependency,
            error instanceof ServiceError ? error.message : `does not answer: ${error.message}`,
          );
        }
      }),
    );
  }
}

/** What a builder can't do without. */
export function dependenciesOf({
  engines,
  registries,
}: Pick<BuilderParts, 'engines' | 'registries'>): readonly Dependency[] {
  return [
    ...engines.map(({ engine }) => ({
      name: `engine ${engine.host}`,
      check: async () => {
        await engine.info();
      },
    })),
    ...[...registries].map(([name, registry]) => ({ name: `registry ${name}`, check: () => registry.ping() })),
  ];
}
