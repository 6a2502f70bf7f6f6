import type Database from 'libsql';
import type { BuildFilter, BuildState, Stream } from './contract.js';
import type { BuildFacts } from './facts.js';
import type { Standing } from './standing.js';
import type { WaveFacts } from './waves.js';

/** How many builds a question gets when it names no number, and at most. */
export const DEFAULT_LIMIT = 50;
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
  streams(): readonly Stream[];
  wave(id: string): WaveFacts | null;
  waves(open: boolean | null, limit: number): readonly WaveFacts[];
}

/** States that no ended build has. */
const UNENDED: readonly BuildState[] = ['requested', 'skipped', 'started'];

/** libsql gives bytes as a Buffer for one row, and as an ArrayBuffer for many. */
type Bytes = Buffer | ArrayBuffer;
type Row = { readonly facts: Bytes };

export function queries(db: Database.Database): Queries {
  const standing = db.prepare("select value from ledger_meta where key = 'standing'");
  const count = db.prepare('select count(*) as n from builds where seq is not null');
  const byId = db.prepare('select facts from builds where id = ?');
  const byNvr = db.prepare('select facts from builds where nvr = ? order by seq desc');
  const byPrefix = db.prepare(
    `select facts from builds where id >= ? and id < ? and seq is not null order by id limit ${MAX_FOUND}`,
  );
  // A scratch build has a tag of its own only, so it owns no NVR.
  const owner = db.prepare(
    "select facts from builds where nvr = ? and kind <> 'scratch' order by state = 'completed' desc, seq limit 1",
  );
  const byDigest = db.prepare('select facts from builds where digest = ? order by seq desc limit 1');
  const streams = db.prepare(
    `select cast(component as blob) as component, cast(target as blob) as target
     from builds where seq is not null group by component, target order by component, target`,
  );
  const wave = db.prepare('select facts from waves where id = ?');
  const waves = db.prepare('select facts from waves where seq is not null order by seq desc limit ?');
  const wavesBy = db.prepare('select facts from waves where seq is not null and open = ? order by seq desc limit ?');
  const filtered = new Map<string, Database.Statement<unknown[]>>();

  const all = (statement: Database.Statement<unknown[]>, ...values: unknown[]): readonly BuildFacts[] =>
    (statement.all(values) as Row[]).map(factsOf);
  const first = (statement: Database.Statement<unknown[]>, value: string): BuildFacts | null => {
    const row = statement.get(value) as Row | undefined;
    return row === undefined ? null : factsOf(row);
  };

  return {
    standing: () => {
      const row = standing.get() as { value: Buffer } | undefined;
      return row === undefined ? null : (JSON.parse(row.value.toString()) as Standing);
    },
    count: () => (count.get() as { n: number }).n,
    facts: (id) => first(byId, id),
    builds: (filter) => {
      const { sql, values } = filterSql(filter);
      let statement = filtered.get(sql);
      if (statement === undefined) {
        statement = db.prepare(sql);
        filtered.set(sql, statement);
      }
      return all(statement, ...values);
    },
    find: (text) => {
      const found = [...all(byNvr, text), ...all(byId, text).filter((facts) => facts.base !== null)];
      if (found.length > 0 || text.length < MIN_ID_PREFIX) return found;
      // `g` comes after every hex digit and the dash.
      return /^[0-9a-f-]+$/.test(text) ? all(byPrefix, text, `${text}g`) : [];
    },
    ownerOfNvr: (nvr) => first(owner, nvr),
    byDigest: (digest) => first(byDigest, digest),
    streams: () =>
      (streams.all() as { readonly component: Bytes; readonly target: Bytes }[]).map(({ component, target }) => ({
        component: textOf(component),
        target: textOf(target),
      })),
    wave: (id) => {
      const row = wave.get(id) as Row | undefined;
      return row === undefined ? null : waveOf(row);
    },
    waves: (open, limit) =>
      ((open === null ? waves.all(limit) : wavesBy.all(open ? 1 : 0, limit)) as Row[]).map(waveOf),
  };
}

function factsOf({ facts }: Row): BuildFacts {
  return JSON.parse(textOf(facts)) as BuildFacts;
}

function waveOf({ facts }: Row): WaveFacts {
  return JSON.parse(textOf(facts)) as WaveFacts;
}

function textOf(bytes: Bytes): string {
  return (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)).toString();
}

/** The statement of a filter; there are at most a few dozen different texts, as the values are parameters. */
function filterSql(filter: BuildFilter): { readonly sql: string; readonly values: readonly unknown[] } {
  const where = ['seq is not null'];
  const values: unknown[] = [];
  const equals = (column: string, value: string | undefined): void => {
    if (value === undefined) return;
    where.push(`${column} = ?`);
    values.push(value);
  };
  equals('component', filter.component);
  equals('target', filter.target);
  equals('commit_id', filter.commit);
  equals('wave', filter.wave);
  const ended = filter.ended ?? (filter.states?.every((state) => UNENDED.includes(state)) ? false : undefined);
  // A literal, so that the index of unended builds fits.
  if (ended !== undefined) where.push(`ended = ${ended ? 1 : 0}`);
  if (filter.states !== undefined) {
    where.push(`state in (${filter.states.map(() => '?').join(', ')})`);
    values.push(...filter.states);
  }
  values.push(Math.max(0, filter.limit ?? DEFAULT_LIMIT));
  return { sql: `select facts from builds where ${where.join(' and ')} order by seq desc limit ?`, values };
}
