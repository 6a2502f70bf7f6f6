/** What became of a message, and if nothing did, why. */
import type { BuildRow, SkippedMessage, WaveRow } from '../../ledger/index.js';
import type { Foreseen } from '../ports.js';
import { waveOf, whyBuild } from './build.js';
import { outcomeOf } from './outcome.js';
import { buildName, nameOf, type Reason, reason, rule, Telling } from './reason.js';
import type { View } from './view.js';

/** Builds and waves that one message led to of which an answer tells no more. */
const MAX_EFFECTS = 50;

/** A message of ours that made rows; the build or the wave that it is about, and what it caused. */
export function whyOwnMessage(
  id: string,
  { build, wave }: { readonly build: BuildRow | null; readonly wave: WaveRow | null },
  view: View,
): Reason {
  const telling = new Telling();
  const said = build?.messages.find((one) => one.id === id);
  const about = [
    ...(build === null ? [] : [whyBuild(build, view, telling)]),
    ...(wave === null ? [] : [waveOf(wave, view, telling, true)]),
  ];
  const topic = said === undefined ? 'a message about a wave' : said.topic.split('.').slice(-3).join('.');
  return reason('message', `${topic}, read and counted`, {
    at: said?.storedAt ?? wave?.openedAt ?? null,
    ids: { message: id },
    because: [...about, ...effectsOf(id, view, new Set(build === null ? [] : [build.id]))],
  });
}

/** What names the message as what it came of. */
export function effectsOf(id: string, view: View, told: ReadonlySet<string> = new Set()): readonly Reason[] {
  const { builds, waves } = view.causedBy(id, MAX_EFFECTS);
  const telling = new Telling();
  return [
    ...waves.map((wave) =>
      reason('wave', `led to a wave of ${wave.members.length}`, {
        at: wave.openedAt,
        ids: { wave: wave.id, message: wave.openedBy },
      }),
    ),
    ...builds.filter((row) => !told.has(row.id) && telling.isNew(row.id)).map((row) => effect(row, view)),
    ...(builds.length === MAX_EFFECTS ? [reason('more', `and perhaps more than ${MAX_EFFECTS} builds`)] : []),
  ];
}

function effect(row: BuildRow, view: View): Reason {
  return reason('build', `led to ${buildName(row)}, which is ${row.state}`, {
    at: row.endedAt ?? row.requestedAt,
    ids: { build: row.id, ...(row.image === null ? {} : { digest: row.image.digest }) },
    because: outcomeOf(row, view),
  });
}

export function whySkipped({ id, topic, storedAt, reason: why }: SkippedMessage): Reason {
  return reason('message', `a message of ours to ${topic} that counts for nothing`, {
    at: storedAt,
    ids: { message: id },
    because: [rule('skipped', why)],
  });
}

/** A message that is none of ours, from the log of pushes: what the rules of the trigger say of it. */
export function whyForeign(
  message: { readonly id: string; readonly topic: string; readonly storedAt: string },
  foreseen: Foreseen,
  view: View,
): Reason {
  const parts = { at: message.storedAt, ids: { message: message.id } };
  const text = `a message to ${message.topic}`;
  const effects = effectsOf(message.id, view);
  if (foreseen.kind === 'refused') {
    const { code, reason: why } = foreseen.refusal;
    return reason('message', text, { ...parts, because: [...effects, rule(code, why)] });
  }
  const known = new Set(view.causedBy(message.id, MAX_EFFECTS).builds.map((row) => row.id));
  const others = foreseen.builds.filter((build) => !known.has(build.id)).map((build) => otherBuild(build, view));
  const not = foreseen.notBuilt.map(({ candidate, refusal }) =>
    rule(refusal.code, `${nameOf(candidate)} was not asked for: ${refusal.reason}`),
  );
  const unsure =
    foreseen.unsure === null ? [] : [reason('more', `what it changed could not be asked: ${foreseen.unsure}`)];
  return reason('message', text, { ...parts, because: [...effects, ...others, ...not, ...unsure] });
}

/** A build that the push stands for, though another message asked for it first, or nobody. */
function otherBuild(build: Extract<Foreseen, { kind: 'decided' }>['builds'][number], view: View): Reason {
  const row = view.build(build.id);
  const name = nameOf(build);
  if (row === null)
    return rule(
      'not_asked',
      `${name} would be asked for, and was not: the push waits for the role trigger, or came before the configuration took it`,
    );
  return reason('build', `${name} at this commit was asked for by another message: ${buildName(row)} is ${row.state}`, {
    at: row.requestedAt,
    ids: { build: row.id, ...(row.cause.message === null ? {} : { message: row.cause.message }) },
    because: outcomeOf(row, view),
  });
}

/** A message that nobody could handle. */
export function whyDead(message: {
  readonly id: string;
  readonly topic: string;
  readonly storedAt: string;
  readonly code: string;
  readonly reason: string;
  readonly group: string;
}): Reason {
  return reason('message', `a message to ${message.topic} that ${message.group} could not handle`, {
    at: message.storedAt,
    ids: { message: message.id },
    because: [rule(message.code, message.reason.split('\n')[0] ?? '')],
  });
}
