/** Why a build is as it is, and what led to it. */
import type { BuildRow, WaveRow } from '../../ledger/index.js';
import { outcomeOf } from './outcome.js';
import { buildName, messageOf, nameOf, type Reason, reason, shortDigest, Telling } from './reason.js';
import type { View } from './view.js';

/** Images that changed of which a wave's own line names no more. */
const NAMED = 3;

/** A build with all that led to it, down to pushes. Ends whatever the rows say of each other. */
export function whyBuild(row: BuildRow, view: View, telling = new Telling(), depth = 0): Reason {
  const said = messageOf(row, row.state, `${row.state}.cascade`) ?? row.messages.at(-1) ?? null;
  const parts = {
    at: row.endedAt ?? said?.storedAt ?? null,
    ids: {
      build: row.id,
      ...(said === null ? {} : { message: said.id }),
      ...(row.image === null ? {} : { digest: row.image.digest }),
    },
  };
  const text = `${buildName(row)} ${stateOf(row)}`;
  if (!telling.isNew(`build ${row.id}`)) return reason('build', `${text} (as above)`, parts);
  if (!telling.hasRoom(depth)) {
    return reason('build', text, { ...parts, because: [reason('more', `and so on: \`layerwright why ${row.id}\``)] });
  }
  const changes = changesOf(row, view);
  // In the order in which they are read: what is told twice is told whole where it comes first.
  const because = [
    ...outcomeOf(row, view),
    requestOf(row, view, telling, changes.length > 0),
    ...changes.map((change) => changedParent(change, view, telling, depth)),
    ...(depth === 0 ? standsOn(row, view, changes) : []),
  ];
  return reason('build', text, { ...parts, because });
}

function stateOf({ state, kind, startedAttempt, process }: BuildRow): string {
  const what = kind === 'official' ? '' : ` (${kind})`;
  if (state === 'requested') return `is asked for and not begun${what}`;
  if (state === 'started')
    return `is being built: attempt ${startedAttempt} on ${process?.host ?? 'an unknown host'}${what}`;
  if (state === 'skipped') return `was not begun${what}`;
  if (state === 'canceled') return `was called off${what}`;
  return `${state}${what}`;
}

/** Who asked for it. `hasParents`: which of its parents changed is told beside it. */
function requestOf(row: BuildRow, view: View, telling: Telling, hasParents: boolean): Reason {
  const asked = messageOf(row, 'requested', 'requested.cascade');
  const parts = { at: asked?.storedAt ?? row.requestedAt, ids: asked === null ? {} : { message: asked.id } };
  const { cause } = row;
  const by = cause.agent === null ? '' : ` by ${cause.agent}`;
  const why = cause.reason === null ? '' : `: ${cause.reason}`;
  // What a rule refused at once was wanted, and never asked for.
  const verb = asked === null && row.state === 'skipped' ? 'wanted' : 'asked for';
  const never = asked === null && row.state !== 'skipped' ? '; the request itself is not on the log' : '';
  switch (cause.type) {
    case 'push':
      return reason('request', `${verb} by a push${never}`, { ...parts, because: [pushOf(row)] });
    case 'person':
      return reason('request', `${verb} by ${cause.agent ?? 'a person'}${why}${never}`, parts);
    case 'rebuild': {
      const wave = cause.wave === null ? null : view.wave(cause.wave);
      const text = `${verb} as a rebuild${why}${never}`;
      return reason('request', text, {
        ...parts,
        because: wave === null ? unknownWave(cause.wave) : [waveOf(wave, view, telling, !hasParents)],
      });
    }
    case 'reconcile':
    case 'replay':
      return reason('request', `${verb} by ${cause.type}${by}${why}${never}`, {
        ...parts,
        because:
          cause.message === null
            ? []
            : [reason('message', 'the message that it came of', { ids: { message: cause.message } })],
      });
  }
}

function pushOf({ source, cause }: BuildRow): Reason {
  const { repository, branch, commit } = source;
  const who = cause.agent === null ? '' : ` by ${cause.agent}`;
  const ids = cause.message === null ? {} : { message: cause.message };
  return reason('push', `push${who}: ${branch} of ${repository} is ${commit}`, { ids });
}

function unknownWave(id: string | null): readonly Reason[] {
  if (id === null) return [];
  return [reason('wave', `the wave ${id} is not on the log`, { ids: { wave: id } })];
}

/** What opened a wave. `withChanges`: the images that changed, and what led to those. */
export function waveOf(wave: WaveRow, view: View, telling: Telling, withChanges: boolean): Reason {
  const what = whatOpened(wave);
  const over = wave.closedAt === null ? 'it goes on' : 'it is over';
  const text = `wave of ${wave.members.length} opened as ${what}; ${over}`;
  const parts = { at: wave.openedAt, ids: { wave: wave.id, message: wave.openedBy } };
  if (!telling.isNew(`wave ${wave.id}`)) return reason('wave', `${text} (as above)`, parts);
  // Of an image that is not ours, and of time that passes, no message tells.
  const told =
    wave.outside.length + wave.due.length > 0
      ? []
      : [reason('message', 'the message that told of the change', { ids: { message: wave.message } })];
  const because = withChanges
    ? wave.changes.slice(0, NAMED).map(({ build, nvr, digest, message, ...change }) =>
        reason('change', `${nameOf(change)} is ${nvr ?? build}`, {
          ids: { build, digest, message },
          because: causesOf(view.build(build), view, telling),
        }),
      )
    : [];
  return reason('wave', text, { ...parts, because: because.length > 0 ? because : told });
}

function whatOpened({ changes, outside, due }: WaveRow): string {
  const changed = [
    ...changes.map((change) => `${nameOf(change)} is ${change.nvr ?? shortDigest(change.digest)}`),
    ...outside.map(({ name, digest }) => `${name}, which is not ours, is ${shortDigest(digest)} in its registry`),
    ...due.map((member) => `${member} is older than its schedule allows`),
  ];
  const more = changed.length > NAMED ? ` and ${changed.length - NAMED} more` : '';
  return changed.length === 0 ? 'a parent has changed' : `${changed.slice(0, NAMED).join(', ')}${more}`;
}

function causesOf(row: BuildRow | null, view: View, telling: Telling): readonly Reason[] {
  return row === null ? [] : [whyBuild(row, view, telling, 1)];
}

/** A parent that a build was asked for to stand on. */
interface Change {
  readonly name: string;
  readonly digest: string;
  /** What it was before; null where that is not known, or nothing was to be replaced. */
  readonly old: string | null;
  readonly now: BuildRow | null;
  readonly then: BuildRow | null;
  readonly isChange: boolean;
}

function changesOf(row: BuildRow, view: View): readonly Change[] {
  const { parents: pins, type } = row.cause;
  if (pins === null || type === 'push') return [];
  const before = type === 'person' ? null : predecessorOf(row, view);
  return pins.flatMap(({ name, digest }) => {
    const old = before?.parents.find(({ resolved }) => resolved === name)?.digest ?? null;
    if (old === digest) return [];
    const now = view.byDigest(digest);
    const then = old === null ? null : view.byDigest(old);
    if (now?.image && then?.image && view.holdTheSame(now.image, then.image)) return [];
    return [{ name, digest, old, now, then, isChange: before !== null }];
  });
}

function changedParent(
  { name, digest, old, now, then, isChange }: Change,
  view: View,
  telling: Telling,
  depth: number,
): Reason {
  const what = now === null ? name : nameOf(now);
  const from = then?.nvr == null ? '' : ` from ${then.nvr}`;
  const text = isChange
    ? `${what} changed${from} to ${now?.nvr ?? 'another image'}: ${old === null ? 'none' : shortDigest(old)} → ${shortDigest(digest)}`
    : `to stand on ${what} as ${now?.nvr ?? digest}`;
  const because = now === null ? [] : [whyBuild(now, view, telling, depth + 1)];
  return reason('parent', text, { at: now?.endedAt ?? null, ids: { digest }, because });
}

/** The image that a rebuild was to replace. */
export function predecessorOf(row: BuildRow, view: Pick<View, 'builds'>): BuildRow | null {
  const { component, target, requestedAt, messages } = row;
  const until = requestedAt ?? messages[0]?.storedAt;
  if (until === undefined) return null;
  const of = { component, target, kind: 'official', states: ['completed'], endedUntil: until, limit: 1 } as const;
  return view.builds(of).find(({ id }) => id !== row.id) ?? null;
}

/** What its image stands on, but for what is told of already. */
function standsOn(row: BuildRow, view: View, told: readonly Change[]): readonly Reason[] {
  const known = new Set(told.map(({ digest }) => digest));
  return row.parents
    .filter(({ digest }) => !known.has(digest))
    .slice(0, 20)
    .map(({ written, digest, build }) => {
      const made = (build === null ? null : view.build(build)) ?? view.byDigest(digest);
      const text =
        made === null
          ? `stands on ${written}, which no build of ours made`
          : `stands on ${written}, made by ${buildName(made)}`;
      return reason('parent', text, {
        at: made?.endedAt ?? null,
        ids: { digest, ...(made === null ? {} : { build: made.id }) },
      });
    });
}
