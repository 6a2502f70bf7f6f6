/** Whether a build waits for its git host before it begins (docs/decisions/0010); how long, `kernel/patience.ts` says. */

/** What git said when a build was looked at: `slow` is no answer yet, `refused` one that waiting does not change. */
export type SourceAnswer = 'fetched' | 'refused' | 'slow' | 'away';

export interface SourceFacts {
  readonly answer: SourceAnswer;
  /** True when a repository of the same host was away a moment ago: then slow is as good as away. */
  readonly hostWasAway: boolean;
  /** An image of an earlier attempt is there. */
  readonly hasImage: boolean;
  /** Another build of the component and target has completed: which of the two is newer only git knows. */
  readonly hasRival: boolean;
}

/** True when the build could not come to its end now: it waits in the queue, where it holds neither slot nor claim. */
export function waitsForSource({ answer, hostWasAway, hasImage, hasRival }: SourceFacts): boolean {
  const isAway = answer === 'away' || (answer === 'slow' && hostWasAway);
  return isAway && (!hasImage || hasRival);
}
