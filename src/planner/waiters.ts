import { lastTold } from '../kernel/last-told.js';
import type { BuildRow } from '../ledger/index.js';
import { requestOf } from '../rebuilds/index.js';
import { isDue } from './decide/waiting.js';
import type { WorkerParts } from './parts.js';

/** Builds that one question to the ledger gets; there are never so many. */
const ALL = 1_000_000;

type Parts = Pick<WorkerParts, 'bus' | 'ledger' | 'log' | 'prefix' | 'clock'>;

/** Builds that wait for a parent; looks at all of them once, then at those that something has come for. Made anew with each claim. */
export class Waiters {
  readonly #parts: Parts;
  readonly #unfollow: () => void;
  /** Ids of builds that have been skipped, by what has become known since the last look; null: nothing was looked at yet. */
  #skipped: Set<string> | null = null;
  /** What has been completed since then. */
  #came = new Map<string, Pick<BuildRow, 'component' | 'target'>>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#unfollow = parts.ledger.onChange((rows) => this.#take(rows));
  }

  close(): void {
    this.#unfollow();
  }

  /** Throws what bus and ledger throw; then it is all to be looked at again. */
  async look(stop: AbortSignal): Promise<void> {
    const [skipped, came] = [this.#skipped, this.#came];
    [this.#skipped, this.#came] = [new Set(), new Map()];
    try {
      await askForWaiting(this.#parts, stop, this.#toLookAt(skipped, [...came.values()]));
    } catch (thrown) {
      this.#skipped = null;
      throw thrown;
    }
  }

  /** Each once; all that were ever skipped where nothing was looked at yet. */
  #toLookAt(
    skipped: ReadonlySet<string> | null,
    came: readonly Pick<BuildRow, 'component' | 'target'>[],
  ): readonly BuildRow[] {
    const { ledger } = this.#parts;
    if (skipped === null) return ledger.builds({ states: ['skipped'], limit: ALL });
    const rows = [...skipped].flatMap((id) => ledger.build(id) ?? []);
    const waiting = came.flatMap(({ component, target }) =>
      ledger.builds({ target, waitingFor: component, states: ['skipped'], limit: ALL }),
    );
    return [...new Map([...rows, ...waiting].map((row) => [row.id, row])).values()];
  }

  #take(rows: readonly BuildRow[]): void {
    for (const row of rows) {
      if (row.state === 'completed') this.#came.set(`${row.target}/${row.component}`, row);
      else if (row.state === 'skipped') this.#skipped?.add(row.id);
    }
  }
}

/** Asks again for builds whose parents have come (design, section 6, step 6). Throws what bus and ledger throw. */
async function askForWaiting(parts: Parts, stop: AbortSignal, rows: readonly BuildRow[]): Promise<void> {
  const { bus, ledger, log } = parts;
  for (const row of rows) {
    if (stop.aborted) return;
    const due = isDue(row, (component) => {
      const [latest] = ledger.builds({ component, target: row.target, states: ['completed'], limit: 1 });
      return latest === undefined ? null : lastTold(latest, 'completed');
    });
    if (!due) continue;
    log.info({ build: row.id, waitedFor: row.skipped?.waitingFor }, 'the parents of a build have come');
    await bus.publish(requestOf(row, row.attempt + 1, parts));
  }
}
