import { FAILURES, type FailureCode } from '../../kernel/failure.js';
import type { BuildRow } from '../../ledger/index.js';
import { colourOfState, type Paint } from './colour.js';
import type { Column } from './table.js';
import { ago, bytes, dateTime, duration, safe, shortId } from './text.js';

/** Milliseconds from the begin (or the request) to the end, or to now while it runs; null when it has not begun. */
export function ranFor(row: BuildRow, now: Date): number | null {
  if (row.startedAt === null) return null;
  return Date.parse(row.endedAt ?? now.toISOString()) - Date.parse(row.startedAt);
}

/** A build as JSON for machines: the row, with the failure's advice. */
export function buildJson(row: BuildRow): object {
  return { ...row, advice: row.failure === null ? null : adviceOf(row.failure.code) };
}

export function buildColumns(paint: Paint): readonly Column[] {
  return [
    { title: 'BUILD' },
    { title: 'COMPONENT', flexible: true },
    { title: 'TARGET' },
    { title: 'STATE', paint: (text) => paint(colourOfState(text.trim()), text) },
    { title: 'TIME' },
    { title: 'ASKED' },
    { title: 'NVR', flexible: true },
    { title: 'WHY', flexible: true },
  ];
}

export function buildCells(row: BuildRow, now: Date): readonly string[] {
  const ran = ranFor(row, now);
  return [
    shortId(row.id),
    safe(row.component),
    safe(row.target),
    row.state,
    ran === null ? '' : duration(ran),
    row.requestedAt === null ? '' : ago(row.requestedAt, now),
    safe(row.nvr ?? ''),
    safe(reasonOf(row)),
  ];
}

/** One sentence on why a build is where it is; empty where the state says all. */
export function reasonOf(row: BuildRow): string {
  if (row.failure !== null) return `${row.failure.code}: ${row.failure.message}`;
  if (row.state === 'skipped' && row.skipped !== null) return row.skipped.message;
  if (row.state === 'canceled') {
    if (row.successor !== null) return `superseded by ${shortId(row.successor)}`;
    return row.cancel?.reason ?? 'called off';
  }
  return '';
}

/** Everything of a build, as lines of `name  value`. */
export function buildSheet(row: BuildRow, now: Date, paint: Paint): string {
  const ran = ranFor(row, now);
  const lines: [string, string | null][] = [
    ['build', row.id],
    ['nvr', row.nvr],
    ['state', paint(colourOfState(row.state), row.state) + (row.ended ? '' : ' (not ended)')],
    ['component', `${row.component}, target ${row.target}, ${row.kind}`],
    ['source', `${row.source.repository} ${row.source.branch} ${row.source.commit}`],
    ['path', row.source.path === '' ? null : row.source.path],
    ['cause', causeOf(row)],
    ['arguments', pairs(row.buildArgs)],
    ['asked', row.requestedAt === null ? null : dateTime(row.requestedAt)],
    ['started', startOf(row)],
    ['ended', row.endedAt === null ? null : dateTime(row.endedAt)],
    ['took', ran === null ? null : duration(ran)],
    ...row.parents.map((parent): [string, string] => [
      'parent',
      `${parent.written} → ${parent.resolved}@${parent.digest}`,
    ]),
    ['digest', row.image?.digest ?? null],
    ...(row.image?.references ?? []).map((reference): [string, string] => ['tag', reference]),
    ...(row.image?.platforms ?? []).map(({ platform, digest, size }): [string, string] => [
      'platform',
      `${platform} ${digest} ${bytes(size)}`,
    ]),
    ['timings', timingsOf(row)],
    ['log', row.log],
    ['why', row.failure === null && reasonOf(row) !== '' ? reasonOf(row) : null],
    ...(row.skipped?.waitingFor ?? []).map((parent): [string, string] => ['waits for', parent]),
    ...row.messages.map(({ topic, id, storedAt }): [string, string] => [
      'message',
      `${dateTime(storedAt)} ${lastWords(topic)} ${id}`,
    ]),
  ];
  const sheet = lines.flatMap(([name, value]) =>
    value === null ? [] : [`${paint('grey', name.padEnd(10))} ${name === 'state' ? value : safe(value)}`],
  );
  return [...sheet, ...failureLines(row, paint)].join('\n');
}

/** The failure's sentence, what to do, and the last lines of the output. */
export function failureLines(row: BuildRow, paint: Paint): readonly string[] {
  if (row.failure === null) return [];
  const { code, step, message, detail } = row.failure;
  const advice = adviceOf(code);
  return [
    '',
    paint('red', `${safe(message)} [${code}, step ${safe(step)}]`),
    ...(advice === null ? [] : [advice]),
    ...(detail === '' ? [] : ['', ...detail.split('\n').map((line) => `  ${safe(line)}`)]),
  ];
}

function adviceOf(code: string): string | null {
  return code in FAILURES ? FAILURES[code as FailureCode].advice : null;
}

function causeOf(row: BuildRow): string {
  const { type, agent, reason, message } = row.cause;
  return [
    type,
    ...(agent === null ? [] : [`by ${agent}`]),
    ...(reason === null ? [] : [`(${reason})`]),
    ...(message === null ? [] : [`message ${message}`]),
  ].join(' ');
}

function startOf(row: BuildRow): string | null {
  if (row.startedAt === null) return null;
  const by = row.process === null ? '' : ` on ${row.process.host}, pid ${row.process.pid}`;
  return `${dateTime(row.startedAt)}, attempt ${row.startedAttempt}${by}`;
}

function timingsOf(row: BuildRow): string | null {
  if (row.timings === null) return null;
  return Object.entries(row.timings)
    .map(([step, ms]) => `${step} ${duration(ms)}`)
    .join(', ');
}

function pairs(values: Readonly<Record<string, string>>): string | null {
  const entries = Object.entries(values);
  return entries.length === 0 ? null : entries.map(([name, value]) => `${name}=${value}`).join(' ');
}

function lastWords(topic: string): string {
  return topic.split('.').slice(-2).join('.');
}
