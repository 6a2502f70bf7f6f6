import { ServiceError } from '../kernel/service-error.js';
import { Plan } from './decide/plan.js';
import type { LedgerView, Lineage, Source } from './ports.js';
import { type Reader, readMessage } from './read.js';
import type { PlanSettings } from './settings.js';
import type { Spool } from './spool.js';

export interface PlanParts {
  readonly source: Source;
  readonly settings: PlanSettings;
  readonly ledger: LedgerView;
  readonly reader: Reader;
  readonly lineage: Lineage;
  /** Null where nothing is to be sent. */
  readonly spool: Pick<Spool, 'put'> | null;
  /** Reads on once the limit is reached, so that every bad line is known. Default false. */
  readonly readsAll?: boolean;
  readonly signal: AbortSignal;
  /** Called now and then with the count of messages that were looked at. */
  readonly onProgress: (count: number) => void;
}

/** Reads the source to its end and decides; null when it was interrupted. Throws what the source throws, and `usage`. */
export async function makePlan(parts: PlanParts): Promise<Plan | null> {
  const { settings, lineage, signal } = parts;
  const plan = new Plan(settings, parts.ledger);
  if (!(await takeAll(plan, parts))) return null;
  const { after } = settings.select;
  if (!plan.isPast && after !== null) {
    const what = 'id' in after ? `no message ${after.id}` : `no message on line ${after.line}`;
    throw new ServiceError('usage', `there is ${what} to go on after; nothing was sent`);
  }
  const duels = plan.settle();
  for (let next = duels.next(); !next.done; ) {
    if (signal.aborted) return null;
    next = duels.next(await lineage.newer(next.value));
  }
  return plan;
}

async function takeAll(plan: Plan, parts: PlanParts): Promise<boolean> {
  const { source, reader, spool, readsAll = false, signal, onProgress } = parts;
  let count = 0;
  for await (const batch of source) {
    for (const found of batch) {
      if (signal.aborted) return false;
      if (plan.isFull && !readsAll) return true;
      if (plan.isFull) break;
      count += 1;
      if (!plan.meets(found)) continue;
      const taken = plan.take(found, await readMessage(found.message, reader));
      if (spool === null || taken === null || taken.entry.action === 'none') continue;
      await spool.put({ index: plan.entries.length - 1, message: found.message, asks: taken.asks });
    }
    onProgress(count);
  }
  return !signal.aborted;
}
