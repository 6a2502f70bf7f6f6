import { messageId } from '../kernel/ids.js';
import type { BuildRow } from '../ledger/index.js';
import { type Build, CATALOG, compose, type Message } from '../messages/index.js';
import type { WorkerParts } from './parts.js';

/** The request for an attempt at a known build, in the lane of its last one. */
export function requestOf(
  row: BuildRow,
  attempt: number,
  { prefix, clock }: Pick<WorkerParts, 'prefix' | 'clock'>,
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
