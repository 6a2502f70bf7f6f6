import type { Entry, PlannedBuild } from '../../replay/index.js';
import { colourOfState, type Paint } from './colour.js';
import { safe } from './text.js';

/** How an entry is told: before anything is sent, or as it is. */
export type Tense = 'would' | 'does';

/** One line for each build of an entry, or one for the message. */
export function entryLines(entry: Entry, tense: Tense, paint: Paint): readonly string[] {
  const from = safe(`${whereOf(entry)} ${entry.topic}`);
  if (entry.why !== null) {
    const mark = entry.action === 'none' ? not(paint) : sends(entry, tense, paint);
    return [`${mark}  ${safe(entry.why.reason)} [${entry.why.code}]  (${from})`];
  }
  return entry.builds.map((build) => `${markOf(build, entry, tense, paint)}  ${buildText(build)}  (${from})`);
}

function markOf({ will }: PlannedBuild, { action }: Entry, tense: Tense, paint: Paint): string {
  if (!will || action === 'none') return not(paint);
  return paint(colourOfState('requested'), tense === 'would' ? 'would build' : 'asks for');
}

function sends({ action }: Entry, tense: Tense, paint: Paint): string {
  if (action === 'none') return not(paint);
  return paint(colourOfState('requested'), tense === 'would' ? 'would send' : 'sends');
}

function not(paint: Paint): string {
  return paint(colourOfState('skipped'), 'not');
}

function buildText({ component, target, commit, build, reason, code }: PlannedBuild): string {
  const id = build === null ? '' : ` → ${build}`;
  return safe(`${target}/${component} ${commit.slice(0, 7)}${id}: ${reason} [${code}]`);
}

function whereOf({ line, id }: Entry): string {
  return line === null ? id : `line ${line}, ${id}`;
}

/** An entry as JSON, its members in the words of messages. */
export function entryJson(entry: Entry, sent: boolean | null, fault: string | null): Readonly<Record<string, unknown>> {
  const { id, topic, line, at, action, why, builds } = entry;
  return {
    message: id,
    topic,
    line,
    at,
    action,
    sent,
    fault,
    code: why?.code ?? null,
    reason: why?.reason ?? null,
    builds,
  };
}
