/** What the tables find, as rows; a term only points to a build, and its facts decide whether it is meant. */
import type { BuildRow, Caused, Traced, WaveRow } from './contract.js';
import type { BuildFacts } from './facts.js';
import type { Queries } from './queries.js';
import { rowOf } from './row.js';
import { type WaveFacts, waveRowOf } from './waves.js';

export function rowOrNull(facts: BuildFacts | null): BuildRow | null {
  return facts === null ? null : rowOf(facts);
}

export function rowsOf(facts: Iterable<BuildFacts>): readonly BuildRow[] {
  return [...facts].map(rowOf).filter((row) => row !== null);
}

export function waveRowsOf(facts: readonly WaveFacts[]): readonly WaveRow[] {
  return facts.map(waveRowOf).filter((row) => row !== null);
}

/** What a message told of. */
export function traced(tables: Queries, id: string): Traced {
  const [build] = tables.byTerm('message', id, 1, ({ facts }) => facts.some((fact) => fact.id === id));
  const wave = tables.waveOfMessage(id);
  return { build: rowOrNull(build ?? null), wave: wave === null ? null : waveRowOf(wave) };
}

/** What names a message as its cause. */
export function caused(tables: Queries, message: string, limit: number): Caused {
  const builds = tables.byTerm('cause', message, limit, ({ base }) => base?.build.cause.message === message);
  return { builds: rowsOf(builds), waves: waveRowsOf(tables.wavesCausedBy(message, Math.max(0, limit))) };
}

/** Builds that ended on a parent with a digest. */
export function dependents(tables: Queries, digest: string, limit: number): readonly BuildRow[] {
  const stands = (facts: BuildFacts): boolean =>
    rowOf(facts)?.parents.some((parent) => parent.digest === digest) === true;
  return rowsOf(tables.byTerm('parent', digest, limit, stands));
}

/** The build whose image was given a name last; `before`: milliseconds since 1970, what is no number finds nothing. */
export function holder(tables: Queries, reference: string, before: number | null): BuildRow | null {
  const named = (facts: BuildFacts): boolean => rowOf(facts)?.image?.references.includes(reference) === true;
  return rowOrNull(tables.byName(reference, before, named));
}
