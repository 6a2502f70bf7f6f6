/** Why a build has no image: the rule that said no, and who is to blame for that. */
import { FAILURES, type FailureCode } from '../../kernel/failure.js';
import type { BuildRow } from '../../ledger/index.js';
import { buildName, messageOf, nameOf, type Reason, reason, rule } from './reason.js';
import type { View } from './view.js';

/** Parents that are looked at to find the one that stopped a member of a wave; steps down to the one that failed. */
const MAX_BLAMED = 20;
const MAX_STEPS = 10;

/** Empty for what completed or goes on. `told`: ids of builds whose outcome is told already. */
export function outcomeOf(row: BuildRow, view: View, told: Set<string> = new Set(), step = 0): readonly Reason[] {
  if (told.has(row.id)) return [];
  told.add(row.id);
  switch (row.state) {
    case 'completed':
    case 'started':
      return [];
    case 'requested':
      return [
        rule('not_begun', `no process has begun it; it waits in the lane of ${row.cascade ? 'rebuilds' : 'people'}`),
      ];
    case 'failed':
      return failureOf(row);
    case 'canceled':
      return canceledBy(row, view);
    case 'skipped':
      return skippedBy(row, view, told, step);
  }
}

function failureOf(row: BuildRow): readonly Reason[] {
  if (row.failure === null) return [];
  const { code, step, message } = row.failure;
  const said = messageOf(row, 'failed');
  const advice = code in FAILURES ? FAILURES[code as FailureCode].advice : null;
  return [
    rule(code, `failed in the step ${step}: ${message}`, {
      at: row.endedAt,
      ids: said === null ? {} : { message: said.id },
      because: advice === null ? [] : [reason('rule', advice)],
    }),
  ];
}

function canceledBy(row: BuildRow, view: View): readonly Reason[] {
  const said = messageOf(row, 'canceled');
  const parts = { at: said?.storedAt ?? row.endedAt, ids: said === null ? {} : { message: said.id } };
  if (row.successor !== null) {
    const next = view.build(row.successor);
    const name = next === null ? row.successor : `${buildName(next)}, which is ${next.state}`;
    return [
      rule('superseded', `a newer commit takes its place: ${name}`, {
        ...parts,
        ids: { ...parts.ids, build: row.successor },
      }),
    ];
  }
  if (row.cancel === null) return [rule('canceled', 'it was called off', parts)];
  const why = row.cancel.reason === null ? '' : `: ${row.cancel.reason}`;
  const command = messageOf(row, 'cancel');
  return [
    rule('canceled', `called off by ${row.cancel.agent ?? 'somebody'}${why}`, {
      at: command?.storedAt ?? parts.at,
      ids: { ...parts.ids, ...(command === null ? {} : { message: command.id }) },
    }),
  ];
}

function skippedBy(row: BuildRow, view: View, told: Set<string>, step: number): readonly Reason[] {
  if (row.skipped === null) return [];
  const { code, message, waitingFor } = row.skipped;
  const said = messageOf(row, 'skipped');
  const because =
    code === 'parent_failed'
      ? stoppersOf(row, view, told, step)
      : waitingFor.slice(0, MAX_BLAMED).map((name) => waits(row, name, view));
  return [rule(code, message, { at: said?.storedAt ?? null, ids: said === null ? {} : { message: said.id }, because })];
}

/** How one stands for whom a build waits. */
function waits({ target }: BuildRow, component: string, view: View): Reason {
  const [last] = view.builds({ component, target, kind: 'official', limit: 1 });
  const name = nameOf({ component, target });
  if (last === undefined) return reason('parent', `waits for ${name}, of which no build is known`);
  const parts = { at: last.endedAt ?? last.requestedAt, ids: { build: last.id } };
  return reason('parent', `waits for ${name}: ${buildName(last)} is ${last.state}`, {
    ...parts,
    because: last.failure === null ? [] : failureOf(last),
  });
}

/** The parents that stopped a member of a wave: those that the wave names, else those of its parents that came to nothing in it. */
function stoppersOf(row: BuildRow, view: View, told: Set<string>, step: number): readonly Reason[] {
  const { wave: id } = row.cause;
  if (id === null || step >= MAX_STEPS) return [];
  return blamedIn(row, id, view).flatMap((stream) => {
    const [build] = view.builds({ ...stream, wave: id, limit: 1 });
    const name = nameOf(stream);
    if (build === undefined) return [reason('parent', `its parent ${name} was not rebuilt in this wave`)];
    if (build.id === row.id || build.state === 'completed' || build.state === 'requested' || build.state === 'started')
      return [];
    const because = outcomeOf(build, view, told, step + 1);
    const parts = { at: build.endedAt ?? messageOf(build, build.state)?.storedAt ?? null, ids: { build: build.id } };
    return [
      reason('parent', `its parent ${name} ${build.state === 'skipped' ? 'was not rebuilt either' : build.state}`, {
        ...parts,
        because,
      }),
    ];
  });
}

interface Blamed {
  readonly component: string;
  readonly target: string;
}

function blamedIn(row: BuildRow, wave: string, view: View): readonly Blamed[] {
  const result = view.wave(wave)?.results.find(({ member }) => member === nameOf(row));
  if (result !== undefined && result.through.length > 0) return result.through.map(streamOf);
  const [image] = view.builds({
    component: row.component,
    target: row.target,
    kind: 'official',
    states: ['completed'],
    limit: 1,
  });
  const found = new Map<string, Blamed>();
  for (const { digest, build } of (image?.parents ?? []).slice(0, MAX_BLAMED)) {
    const made = (build === null ? null : view.build(build)) ?? view.byDigest(digest);
    if (made !== null) found.set(nameOf(made), { component: made.component, target: made.target });
  }
  // Those that this wave has nothing of are not to blame.
  return [...found.values()].filter((stream) => view.builds({ ...stream, wave, limit: 1 }).length > 0);
}

/** A target has no slash, a component may have some. */
function streamOf(member: string): Blamed {
  const slash = member.indexOf('/');
  return { target: member.slice(0, slash), component: member.slice(slash + 1) };
}
