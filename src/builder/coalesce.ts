import type { Verdict } from '../bus/index.js';
import type { Build } from '../messages/index.js';
import { goBefore } from './decide/coalesce.js';
import type { BuilderParts } from './parts.js';
import { rivalsOf } from './rivals.js';
import type { BuilderSettings } from './settings.js';

/** Milliseconds until it is looked again whether the build that is waited for has ended. */
const AGAIN_MS = 1_000;

/**
 * Null when a request may be begun, by what is folded. While a build of another push to its component goes on, it waits,
 * without a slot: what comes until then makes one build, or none, and what is called off then names that one. A build
 * whose claim nobody holds goes on nowhere; it is not waited for. Throws what the bus throws.
 */
export async function coalesces(
  { supersede }: Pick<BuilderSettings, 'supersede'>,
  { bus, ledger }: Pick<BuilderParts, 'bus' | 'ledger'>,
  build: Build,
): Promise<Verdict | null> {
  if (!supersede) return null;
  // A request that is not folded yet is later than all that are.
  const row = ledger.build(build.id) ?? { ...build, state: 'requested', ended: false, requestedSeq: Infinity };
  for (const { id } of goBefore(row, rivalsOf(ledger, build, { states: ['started'] }))) {
    if ((await bus.holder(`build.${id}`)) !== null)
      return { kind: 'retry', after: AGAIN_MS, uncounted: true, reason: `the build ${id} of a push goes on` };
  }
  return null;
}
