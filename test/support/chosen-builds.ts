/** What a filter of builds means, said plainly: for ledgers in memory, and to hold the real one against. */
import type { BuildFilter, BuildRow } from '../../src/ledger/index.js';

export function chosen(rows: readonly BuildRow[], filter: BuildFilter): readonly BuildRow[] {
  return rows
    .filter((row) => fits(row, filter))
    .sort((a, b) => b.requestedSeq - a.requestedSeq)
    .slice(0, Math.max(0, filter.limit ?? 50));
}

function fits(row: BuildRow, filter: BuildFilter): boolean {
  const same = (wanted: unknown, found: unknown): boolean => wanted === undefined || wanted === found;
  return (
    same(filter.component, row.component) &&
    same(filter.target, row.target) &&
    same(filter.kind, row.kind) &&
    same(filter.ended, row.ended) &&
    same(filter.commit, row.source.commit) &&
    same(filter.wave, row.cause.wave) &&
    (filter.states === undefined || filter.states.includes(row.state)) &&
    (filter.waitingFor === undefined || row.skipped?.waitingFor.includes(filter.waitingFor) === true) &&
    isWithin(row.endedAt, filter.endedSince, filter.endedUntil)
  );
}

function isWithin(time: string | null, since: string | undefined, until: string | undefined): boolean {
  if (since === undefined && until === undefined) return true;
  if (time === null) return false;
  const at = Date.parse(time);
  return !(since !== undefined && !(at >= Date.parse(since))) && !(until !== undefined && !(at < Date.parse(until)));
}
