/** A filter of builds as a statement. We name the index: without statistics SQLite would now and then read every row. */
import type { BuildFilter, BuildState } from './contract.js';
import { ENDS } from './facts.js';
import type { TermKind } from './terms.js';

/** How many builds a question gets when it names no number. */
export const DEFAULT_LIMIT = 50;

export interface Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
}

interface Condition {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** Places (`builds.n`) of the builds that a term leads to, as JSON: `n in (select value from json_each(?))`. */
export type PlacesOf = (kind: TermKind, text: string) => string;

/** The statement of a filter, its values as parameters; null when nothing can fit. */
export function filterSql(filter: BuildFilter, placesOf: PlacesOf): Statement | null {
  const states = statesOf(filter);
  if (states?.length === 0) return null;
  const limit = Math.max(0, filter.limit ?? DEFAULT_LIMIT);
  const index = indexFor(filter, states);
  const conditions = conditionsOf(filter, placesOf);
  // One look for each state, so that the index gives each in order and no more than asked is read.
  const looks = BY_STATE.has(index)
    ? (states ?? []).map((state) => [...conditions, { sql: 'state = ?', values: [state] }])
    : [[...conditions, ...stateCondition(states)]];
  const places = looks.map(
    (all) =>
      `select * from (select n, seq from builds ${index} where ${all.map(({ sql }) => sql).join(' and ')}
       order by seq desc limit ?)`,
  );
  return {
    // The places first: a sort that carries whole builds takes a hundred times as long.
    sql: `select facts from (${places.join(' union all ')}) as found join builds using (n)
      order by found.seq desc limit ?`,
    values: [...looks.flatMap((all) => [...all.flatMap(({ values }) => values), limit]), limit],
  };
}

/** The states that are asked for: what has a time of its end has ended. */
function statesOf({ states, endedSince, endedUntil }: BuildFilter): readonly BuildState[] | undefined {
  if (states !== undefined) return [...new Set(states)];
  return endedSince === undefined && endedUntil === undefined ? undefined : ENDS;
}

/** Indices that give one state at a time. */
const BY_STATE: ReadonlySet<string> = new Set(['indexed by builds_ended', 'indexed by builds_state']);

/** The index that leaves the fewest builds, as far as the filter alone tells. */
function indexFor(
  { component, target, wave, commit, waitingFor, ended, endedSince, endedUntil }: BuildFilter,
  states: readonly BuildState[] | undefined,
): string {
  if (commit !== undefined) return 'not indexed';
  if (wave !== undefined) return 'indexed by builds_wave';
  if (waitingFor !== undefined) return 'indexed by builds_waiting';
  if (component !== undefined) return 'indexed by builds_component';
  if (endedSince !== undefined || endedUntil !== undefined) return 'indexed by builds_ended';
  if (states !== undefined) return 'indexed by builds_state';
  if (ended === false) return 'indexed by builds_open';
  if (target !== undefined) return 'indexed by builds_target';
  return 'indexed by builds_seq';
}

function conditionsOf(filter: BuildFilter, placesOf: PlacesOf): readonly Condition[] {
  const { component, target, kind, wave, commit, waitingFor } = filter;
  const found: Condition[] = [{ sql: 'seq is not null', values: [] }];
  const add = (sql: string, ...values: readonly unknown[]): void => {
    found.push({ sql, values });
  };
  if (commit !== undefined)
    add('n in (select value from json_each(?)) and commit_id = ?', placesOf('commit', commit), commit);
  if (component !== undefined) add('component = ?', component);
  if (target !== undefined) add('target = ?', target);
  if (kind !== undefined) add('kind = ?', kind);
  if (wave !== undefined) add('wave = ?', wave);
  // As JSON, so that no name is found within another.
  if (waitingFor !== undefined) add('waiting is not null and instr(waiting, ?) > 0', JSON.stringify(waitingFor));
  // A literal, so that the index of those that go on fits.
  if (filter.ended !== undefined) add(`ended = ${filter.ended ? 1 : 0}`);
  if (filter.endedSince !== undefined) add('ended_at >= ?', timeOf(filter.endedSince));
  if (filter.endedUntil !== undefined) add('ended_at < ?', timeOf(filter.endedUntil));
  return found;
}

function stateCondition(states: readonly BuildState[] | undefined): readonly Condition[] {
  return states === undefined ? [] : [{ sql: `state in (${states.map(() => '?').join(', ')})`, values: states }];
}

/** Null, which compares with nothing, for what is no time. */
function timeOf(iso: string): number | null {
  const time = Date.parse(iso);
  return Number.isNaN(time) ? null : time;
}
