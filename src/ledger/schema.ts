/** The tables of the ledger's file, and what is written into them. */
import type { BuildRow, SkippedMessage } from './contract.js';
import type { BuildFacts } from './facts.js';
import type { Scratch } from './scratch.js';
import type { WaveFacts } from './waves.js';

/** Raised with every change of the tables. */
export const STORE_VERSION = 6;

/** Messages left out that are kept, the newest: what a person asks about is of late, and a storm of them is bounded. */
export const SKIPPED_KEPT = 1_000;

/** Characters kept of a message that was left out: whoever sent it chose them. */
const MAX_TEXT = 500;

/**
 * `builds.n` is the place of a build's first message on the log: it never changes, and what is new comes last. Each
 * index answers one member of the filter (`filter-sql.ts`); all that is looked up by its full text is a term
 * (`term-store.ts`).
 */
export const SCHEMA = `
  create table ledger_meta (key text primary key, value blob not null) without rowid;
  create table builds (
    n integer primary key, id text not null, component text, target text, commit_id text, kind text,
    state text, ended integer, nvr text, digest text, wave text, waiting text, seq integer, ended_at integer,
    facts blob not null
  );
  create table terms (bucket integer, run integer, data blob not null, primary key (bucket, run)) without rowid;
  create table pending_terms (seq integer primary key, data blob not null);
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
export function placeOf({ facts }: BuildFacts): number {
  return facts[0]?.seq ?? 0;
}
