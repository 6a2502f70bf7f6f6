import type { Build, Message } from '../messages/index.js';
import { buildOf, pushCause } from './decide/body.js';
import { decideBuilds, type NotBuilt, pathsQuestion } from './decide/builds.js';
import { extractPush } from './decide/extract.js';
import type { Refusal } from './decide/push.js';
import type { ChangedPaths } from './ports.js';
import type { TriggerSettings } from './settings.js';

/** What this role would make of a message. */
export type Foreseen =
  /** The push as a whole leads to nothing, or the message tells of none (`not_a_push`). */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | {
      readonly kind: 'decided';
      /** What would be asked for, ids and all. */
      readonly builds: readonly Build[];
      readonly notBuilt: readonly NotBuilt[];
      /** Why it could not be found out what the push has changed, so that everything counts as changed; else null. */
      readonly unsure: string | null;
    };

/** The decision of the role on a message, with nothing done about it. */
export async function foresee(
  message: Message,
  settings: TriggerSettings,
  paths: ChangedPaths,
  signal: AbortSignal,
): Promise<Foreseen> {
  const push = extractPush(message);
  if (!push.ok) return { kind: 'refused', refusal: push.error };
  const question = pathsQuestion(push.value, settings);
  const answer = question === null ? null : await paths.between(question, signal);
  const changed = answer === null ? push.value.paths : answer.kind === 'known' ? answer.paths : null;
  const decision = decideBuilds(push.value, settings, changed);
  if (decision.refusal !== null) return { kind: 'refused', refusal: decision.refusal };
  const cause = pushCause(message.id, push.value.agent);
  return {
    kind: 'decided',
    builds: decision.builds.map((candidate) => buildOf(candidate, { kind: 'official', release: null, cause })),
    notBuilt: decision.notBuilt,
    unsure: answer?.kind === 'away' ? answer.reason : null,
  };
}
