import type { Bus, Claim } from '../bus/index.js';
import type { CheckResult } from '../observability/index.js';

/** The claim that the first process of a bus holds; its `by` is the hash of that process's configuration. */
const KEY = 'config';

/** Compares configurations between the processes of one bus: who finds another one's says so on `/readyz`. */
export class ConfigAgreement {
  readonly #bus: Pick<Bus, 'claim' | 'holder'>;
  readonly #hash: string;
  #claim: Claim | null = null;

  constructor(bus: Pick<Bus, 'claim' | 'holder'>, hash: string) {
    this.#bus = bus;
    this.#hash = hash;
  }

  async check(): Promise<CheckResult> {
    if (this.#claim?.lost.aborted) this.#claim = null;
    this.#claim ??= await this.#bus.claim(KEY, this.#hash);
    const other = this.#claim === null ? await this.#bus.holder(KEY) : this.#hash;
    if (other === null || other === this.#hash) return { ok: true, detail: this.#hash };
    return { ok: false, reason: `another process runs with the configuration ${other}, this one with ${this.#hash}` };
  }

  async release(): Promise<void> {
    await this.#claim?.release();
    this.#claim = null;
  }
}
