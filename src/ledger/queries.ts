import type Database from 'libsql';
import { type Bytes, textOf } from './bytes.js';
import type { BuildFilter, SkippedMessage, Stream } from './contract.js';
import type { BuildFacts } from './facts.js';
import { filterSql, type PlacesOf } from './filter-sql.js';
import type { Standing } from './standing.js';
import type { TermStore } from './term-store.js';
import { keyOf, type TermKind } from './terms.js';
import type { WaveFacts } from './waves.js';

/** Builds that a text may fit at most. */
const MAX_FOUND = 100;

/** Shortest beginning of an id that is looked for: fewer characters would fit too many builds. */
const MIN_ID_PREFIX = 6;

/** Everything the ledger asks of its tables, prepared once. */
export interface Queries {
  standing(): Standing | null;
  count(): number;
  facts(id: string): BuildFacts | null;
  builds(filter: BuildFilter): readonly BuildFacts[];
  find(text: string): readonly BuildFacts[];
  ownerOfNvr(nvr: string): BuildFacts | null;
  byDigest(digest: string): BuildFacts | null;
  /** Builds that a term leads to and that do fit, the last one first. */
  byTerm(kind: TermKind, text: string, limit: number, fits: (facts: BuildFacts) => boolean): readonly BuildFacts[];
  /** The build whose end named it last, before a time when one is given (milliseconds since 1970). */
  byName(name: string, before: number | null, fits: (facts: BuildFacts) => boolean): BuildFacts | null;
  streams(): readonly Stream[];
  wave(id: string): WaveFacts | null;
  waves(open: boolean | null, limit: number): readonly WaveFacts[];
  waveOfMessage(id: string): WaveFacts | null;
  wavesCausedBy(message: string, limit: number): readonly WaveFacts[];
  skipped(id: string): SkippedMessage | null;
}

type Row = { readonly facts: Bytes };
type Statement = Database.Statement<unknown[]>;

/** All is asked by `all`: libsql's `get` gives a wrong row when the statement was asked by `all` before. */
export function queries(db: Database.Database, terms: TermStore): Queries {
  const standing = db.prepare("select value as facts from ledger_meta where key = 'standing'");
  const count = db.prepare('select count(*) as n from builds where seq is not null');
  const byId = db.prepare('select facts from builds where id = ?');
  const byPlace = db.prepare('select facts from builds where n = ?');
  const byNvr = db.prepare(
    'select facts from builds where n in (select value from json_each(?)) and nvr = ? order by seq desc',
  );
  const byPrefix = db.prepare(
    `select facts from builds where id >= ? and id < ? and seq is not null order by id limit ${MAX_FOUND}`,
  );
  // A scratch build has a tag of its own only, so it owns no NVR.
  const owner = db.prepare(
    `select facts from builds where n in (select value from json_each(?)) and nvr = ? and kind <> 'scratch'
     order by state = 'completed' desc, seq limit 1`,
  );
  const byDigest = db.prepare(
    `select facts from builds where n in (select value from json_each(?)) and digest = ?
     order by seq desc limit 1`,
  );
  const streams = db.prepare(
    `select cast(component as blob) as component, cast(target as blob) as target
     from builds where seq is not null group by component, target order by component, target`,
  );
  const wave = db.prepare('select facts from waves where id = ?');
  const waves = db.prepare('select facts from waves where seq is not null order by seq desc limit ?');
  const wavesBy = db.prepare('select facts from waves where seq is not null and open = ? order by seq desc limit ?');
  const waveOfMessage = db.prepare('select facts from waves where opened_by = ? or closed_by = ? limit 1');
  const wavesCausedBy = db.prepare('select facts from waves where message = ? order by seq desc limit ?');
  const skipped = db.prepare('select facts from skipped where id = ? order by seq desc limit 1');
  const filtered = new Map<string, Statement>();

  const all = <T>(statement: Statement, ...values: unknown[]): readonly T[] =>
    (statement.all(values) as Row[]).map(({ facts }) => JSON.parse(textOf(facts)) as T);
  const first = <T>(statement: Statement, ...values: unknown[]): T | null => all<T>(statement, ...values)[0] ?? null;
  const placesOf: PlacesOf = (kind, text) => JSON.stringify(terms.builds(keyOf(kind, text)));
  /** Builds at places that fit, as many as asked. */
  const fitting = (
    candidates: readonly number[],
    limit: number,
    fits: (facts: BuildFacts) => boolean,
  ): readonly BuildFacts[] => {
    const found: BuildFacts[] = [];
    for (const n of candidates) {
      if (found.length >= limit) break;
      const facts = first<BuildFacts>(byPlace, n);
      if (facts !== null && fits(facts)) found.push(facts);
    }
    return found;
  };

  return {
    standing: () => first<Standing>(standing),
    count: () => (count.all() as { readonly n: number }[])[0]?.n ?? 0,
    facts: (id) => first(byId, id),
    builds: (filter) => {
      const asked = filterSql(filter, placesOf);
      if (asked === null) return [];
      let statement = filtered.get(asked.sql);
      if (statement === undefined) {
        statement = db.prepare(asked.sql);
        filtered.set(asked.sql, statement);
      }
      return all(statement, ...asked.values);
    },
    find: (text) => {
      const found = [
        ...all<BuildFacts>(byNvr, placesOf('nvr', text), text),
        ...all<BuildFacts>(byId, text).filter((facts) => facts.base !== null),
      ];
      if (found.length > 0 || text.length < MIN_ID_PREFIX) return found;
      // `g` comes after every hex digit and the dash.
      return /^[0-9a-f-]+$/.test(text) ? all(byPrefix, text, `${text}g`) : [];
    },
    ownerOfNvr: (nvr) => first(owner, placesOf('nvr', nvr), nvr),
    byDigest: (digest) => first(byDigest, placesOf('digest', digest), digest),
    byTerm: (kind, text, limit, fits) => fitting(terms.builds(keyOf(kind, text)), limit, fits),
    byName: (name, before, fits) => fitting(terms.holders(keyOf('name', name), before), 1, fits)[0] ?? null,
    streams: () =>
      (streams.all() as { readonly component: Bytes; readonly target: Bytes }[]).map(({ component, target }) => ({
        component: textOf(component),
        target: textOf(target),
      })),
    wave: (id) => first(wave, id),
    waves: (open, limit) => (open === null ? all(waves, limit) : all(wavesBy, open ? 1 : 0, limit)),
    waveOfMessage: (id) => first(waveOfMessage, id, id),
    wavesCausedBy: (message, limit) => all(wavesCausedBy, message, limit),
    skipped: (id) => first(skipped, id),
  };
}
