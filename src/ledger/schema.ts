/** The tables of the ledger's file, and what is written into them. */
import type { BuildRow, SkippedMessage } from './contract.js';
import type { BuildFacts } from './facts.js';
import type { Scratch } from './scratch.js';
import { KEYS, termsOf } from './terms.js';
import type { WaveFacts } from './waves.js';

/** Raised with every change of the tables. */
export const STORE_VERSION = 5;

/** Messages left out that are kept, the newest: what a person asks about is of late, and a storm of them is bounded. */
export const SKIPPED_KEPT = 1_000;

/** Characters kept of a message that was left out: whoever sent it chose them. */
const MAX_TEXT = 500;

/**
 * `builds.n` is the place of a build's first message on the log: it never changes, and what is new comes last. Each
 * index answers one member of the filter (`filter-sql.ts`); all that is looked up by its full text is a term.
 */
export const SCHEMA = `
  create table ledger_meta (key text primary key, value blob not null) without rowid;
  create table builds (
    n integer primary key, id text not null, component text, target text, commit_id text, kind text,
    state text, ended integer, nvr text, digest text, wave text, waiting text, seq integer, ended_at integer,
    facts blob not null
  );
  create table terms (key integer, place integer, n integer, at integer, primary key (key, place, n)) without rowid;
  create table new_terms (key integer, place integer, n integer, at integer, primary key (key, place, n)) without rowid;
  create view all_terms as select * from terms union all select * from new_terms;
  create table waves (
    id text primary key, open integer, seq integer, opened_by text, closed_by text, message text, facts blob not null
  ) without rowid;
  create table skipped (seq integer primary key, id text, facts blob not null);
  create index builds_id on builds (id);
  create index builds_seq on builds (seq) where seq is not null;
  create index builds_component on builds (component, target, seq, state) where seq is not null;
  create index builds_state on builds (state, seq) where seq is not null;
  create index builds_open on builds (seq) where ended = 0;
  create index builds_target on builds (target, seq) where seq is not null;
  create index builds_wave on builds (wave, seq) where wave is not null;
  create index builds_waiting on builds (seq) where seq is not null and waiting is not null;
  create index builds_ended on builds (state, ended_at, seq) where ended_at is not null;
  create index waves_seq on waves (open, seq) where seq is not null;
  create index waves_opened on waves (opened_by) where opened_by is not null;
  create index waves_closed on waves (closed_by) where closed_by is not null;
  create index waves_message on waves (message) where message is not null;
`;

const BUILD_COLUMNS = [
  'n',
  'id',
  'component',
  'target',
  'commit_id',
  'kind',
  'state',
  'ended',
  'nvr',
  'digest',
  'wave',
  'waiting',
  'seq',
  'ended_at',
  'facts',
] as const;

const WAVE_COLUMNS = ['id', 'open', 'seq', 'opened_by', 'closed_by', 'message', 'facts'] as const;

export const UPSERT_BUILD = upsert('builds', BUILD_COLUMNS);
export const UPSERT_WAVE = upsert('waves', WAVE_COLUMNS);

/** Terms of one build at once, their keys as JSON: a call for each takes three times as long. */
export const ADD_TERMS = `
  insert or ignore into new_terms (key, place, n, at) select value, ?, ?, ? from json_each(?)
`;

/**
 * Keys lie anywhere, so that each new one would change a page of its own of a large table. They wait in a small one, and
 * every write takes those of a slice or some over, of which many then go into one page.
 */
export const SLICES = 64;
/** Builds for which one slice is taken over. */
export const BUILDS_A_SLICE = 256;
export const TAKE_SLICE = 'insert or ignore into terms select * from new_terms where key >= ? and key < ?';
export const DROP_SLICE = 'delete from new_terms where key >= ? and key < ?';

/** The keys of a slice: from the first to below the second. */
export function sliceOf(number: number): readonly [number, number] {
  return [(number * KEYS) / SLICES, ((number + 1) * KEYS) / SLICES];
}

export const ADD_SKIPPED = 'insert or replace into skipped (seq, id, facts) values (?, ?, ?)';
export const PRUNE_SKIPPED = `
  delete from skipped where seq < (select seq from skipped order by seq desc limit 1 offset ${SKIPPED_KEPT - 1})
`;

function upsert(table: string, [key, ...others]: readonly string[]): string {
  const columns = [key, ...others];
  return `insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})
    on conflict (${key}) do update set ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`;
}

/** What is written of one build; `row` is null while only commands have named it. */
export interface Written {
  readonly facts: BuildFacts;
  readonly row: BuildRow | null;
}

/** In the order of the columns. Good until the scratch is used again. */
export function buildValues({ facts, row }: Written, scratch: Scratch): unknown[] {
  const n = placeOf(facts);
  // Bytes: libsql takes twice as long over a text of this size.
  const text = scratch.bytesOf(JSON.stringify(facts));
  if (row === null) return [n, facts.id, ...Array<null>(BUILD_COLUMNS.length - 3).fill(null), text];
  const waitingFor = row.state === 'skipped' ? (row.skipped?.waitingFor ?? []) : [];
  return [
    n,
    facts.id,
    row.component,
    row.target,
    row.source.commit,
    row.kind,
    row.state,
    row.ended ? 1 : 0,
    row.nvr,
    row.image?.digest ?? null,
    row.cause.wave,
    waitingFor.length === 0 ? null : JSON.stringify(waitingFor),
    row.requestedSeq,
    row.endedAt === null ? null : Date.parse(row.endedAt),
    text,
  ];
}

/** The terms that messages from a place on the log on add; each for one call. */
export function termValues(facts: BuildFacts, from: number): readonly (readonly unknown[])[] {
  const n = placeOf(facts);
  return termsOf(facts, from).map(({ keys, place, at }) => [place, n, at, JSON.stringify(keys)]);
}

export function waveValues(facts: WaveFacts): unknown[] {
  const { id, opened, closed } = facts;
  const text = Buffer.from(JSON.stringify(facts));
  const open = closed === null ? 1 : 0;
  const message = opened?.body.wave.message ?? null;
  return [id, open, opened?.seq ?? null, opened?.id ?? null, closed?.id ?? null, message, text];
}

export function skippedValues(message: SkippedMessage): unknown[] {
  const { id, topic, reason } = message;
  const kept = { ...message, topic: topic.slice(0, MAX_TEXT), reason: reason.slice(0, MAX_TEXT) };
  return [message.seq, id, Buffer.from(JSON.stringify(kept))];
}

/** Facts of a build are never empty, and a log is read in order: the first was the first ever read of it. */
function placeOf({ facts }: BuildFacts): number {
  return facts[0]?.seq ?? 0;
}
