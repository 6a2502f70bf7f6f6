import { toError } from '../kernel/service-error.js';

/** What a check found. `detail` and `reason` are for people. */
export type CheckResult =
  | { readonly ok: true; readonly detail?: string }
  | { readonly ok: false; readonly reason: string };

export type Check = () => Promise<CheckResult> | CheckResult;

/** One check as it stands. `since` is the ISO time at which it came to be so. */
export interface CheckState {
  readonly name: string;
  readonly ok: boolean;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly since: string;
}

export interface ReadinessReport {
  readonly ready: boolean;
  readonly checks: readonly CheckState[];
}

/** Milliseconds that a check may take, and for which its answer is good: probes cost the outside at most one question a second. */
const CHECK_LIMIT_MS = 3_000;
const FRESH_MS = 1_000;

/** Named checks, asked when someone wants to know; the whole is ready when all are. */
export class Readiness {
  readonly #checks = new Map<string, Check>();
  readonly #states = new Map<string, CheckState>();
  readonly #now: () => Date;
  readonly #limitMs: number;
  #asking: Promise<ReadinessReport> | null = null;
  #askedAt = Number.NEGATIVE_INFINITY;
  #last: ReadinessReport | null = null;

  constructor(now: () => Date = () => new Date(), limitMs: number = CHECK_LIMIT_MS) {
    this.#now = now;
    this.#limitMs = limitMs;
  }

  /** Adds a check, or replaces the one of this name. */
  add(name: string, check: Check): void {
    this.#checks.set(name, check);
    this.#askedAt = Number.NEGATIVE_INFINITY;
  }

  /** Asks every check at once; callers within a second share an answer. Never rejects. */
  async report(): Promise<ReadinessReport> {
    if (this.#last !== null && performance.now() - this.#askedAt < FRESH_MS) return this.#last;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask(): Promise<ReadinessReport> {
    const names = [...this.#checks.keys()];
    const checks = await Promise.all(names.map(async (name) => this.#state(name)));
    this.#askedAt = performance.now();
    this.#last = { ready: checks.every((check) => check.ok), checks };
    return this.#last;
  }

  async #state(name: string): Promise<CheckState> {
    const result = await bounded(this.#checks.get(name), this.#limitMs);
    const before = this.#states.get(name);
    const reason = result.ok ? null : result.reason;
    const state: CheckState = {
      name,
      ok: result.ok,
      reason,
      detail: result.ok ? (result.detail ?? null) : null,
      since: before?.ok === result.ok ? before.since : this.#now().toISOString(),
    };
    this.#states.set(name, state);
    return state;
  }
}

async function bounded(check: Check | undefined, limitMs: number): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, reason: `no answer within ${limitMs / 1000} s` }), limitMs);
  });
  try {
    const asked = Promise.resolve().then<CheckResult>(() => check?.() ?? { ok: false, reason: 'no such check' });
    return await Promise.race([asked, late]);
  } catch (thrown) {
    return { ok: false, reason: toError(thrown).message };
  } finally {
    clearTimeout(timer);
  }
}
