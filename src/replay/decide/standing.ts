import type { BuildRow } from '../../ledger/index.js';

/** Why a build is not made, or is; a code to count by, a sentence's end for a person. */
export interface Why {
  readonly code: string;
  readonly reason: string;
}

/** What stands in the way of a build with this row; null when nothing does. `attempt`: of the request that is replayed. */
export function standsInTheWay(row: BuildRow | null, attempt: number | null): Why | null {
  if (row === null) return null;
  const name = row.nvr ?? row.id;
  if (row.ended) return { code: row.state, reason: `${name} has ${endOf(row)}` };
  if (row.cancel !== null) return { code: 'called_off', reason: `${name} was called off` };
  switch (row.state) {
    case 'started':
      return { code: 'running', reason: `${name} is running` };
    case 'canceled': {
      const successor = row.successor === null ? '' : ` ${row.successor}`;
      return { code: 'superseded', reason: `${name} was superseded by a newer commit’s build${successor}` };
    }
    case 'skipped':
      // Other skips are those of the trigger, which has been asked again.
      if (row.skipped === null || row.skipped.waitingFor.length === 0) return null;
      return { code: 'waits', reason: `${name} waits for ${row.skipped.waitingFor.join(', ')}` };
    default:
      if (attempt === null) return { code: 'requested', reason: `${name} was asked for already and waits` };
      return row.attempt > attempt
        ? { code: 'requested', reason: `attempt ${row.attempt} of ${name} was asked for already` }
        : null;
  }
}

function endOf({ state, failure }: BuildRow): string {
  if (state === 'completed') return 'been built already';
  if (state === 'failed') return `failed already${failure === null ? '' : ` (${failure.code})`}`;
  return 'been called off already';
}
