import { messageId } from '../kernel/ids.js';
import type { BuildRow } from '../ledger/index.js';
import { type Build, CATALOG, compose, type Message } from '../messages/index.js';
import type { Clock } from '../runtime/clock.js';
import type { Rebuild } from './decide/rebuild.js';

/** The request for an attempt at a known build, in the lane of its last one. */
export function requestOf(
  row: BuildRow,
  attempt: number,
  { prefix, clock }: { readonly prefix: string; readonly clock: Pick<Clock, 'now'> },
): Message {
  const name = row.cascade ? 'build.requested.cascade.v1' : 'build.requested.v1';
  const id = messageId(row.id, CATALOG[name].topic, attempt);
  const body = { build: { ...buildOf(row), attempt } };
  return compose({ prefix, name, id, body, containers: [row.component], now: clock.now() });
}

/** A build as its messages carry it. */
export function buildOf(row: BuildRow): Build {
  const { id, component, target, kind, name, version, release, nvr, attempt } = row;
  const build_args = { ...row.buildArgs };
  return {
    id,
    component,
    target,
    kind,
    name,
    version,
    release,
    nvr,
    source: row.source,
    cause: row.cause,
    build_args,
    attempt,
  };
}

/** A rebuild as messages carry it; `message`: the one that opened its wave. */
export function buildOfRebuild(wave: string, message: string, { id, causeKey, basis, pins, changed }: Rebuild): Build {
  const { component, target, source, buildArgs } = basis;
  const names = changed.map(({ now, resolved }) => now?.nvr ?? resolved);
  const reason = names.length > 0 ? `New: ${names.join(', ')}`.slice(0, 1_000) : 'Older than the schedule allows';
  return {
    id,
    component,
    target,
    kind: 'official',
    name: null,
    version: null,
    release: null,
    nvr: null,
    source,
    cause: { type: 'rebuild', key: causeKey, message, wave, agent: null, reason, parents: [...pins] },
    build_args: { ...buildArgs },
    attempt: 1,
  };
}
