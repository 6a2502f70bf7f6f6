import type { Stream } from '../../ledger/index.js';

/** What a pass looks at; null: all of it. */
export interface Scope {
  readonly components: readonly string[] | null;
  readonly target: string | null;
}

export const ALL: Scope = { components: null, target: null };

export function hasStream({ components, target }: Scope, stream: Stream): boolean {
  return (
    (components === null || components.includes(stream.component)) && (target === null || target === stream.target)
  );
}
