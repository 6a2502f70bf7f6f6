/** What reconcile needs of the outside, in our own words; the composition root has what fulfils it. */
import type { Git } from '../../git/index.js';
import type { Registry } from '../../registry/index.js';
import type { Changed, WantedOf } from './decide/heads.js';

/** What is asked of git before a head of a repository of several images can be decided. */
export interface ChangesQuestion {
  readonly url: string;
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

export interface ReconcilePorts {
  readonly git: Pick<Git, 'lsRemote'>;
  readonly wantedOf: WantedOf;
  readonly changes: {
    /** Never throws. */
    between(question: ChangesQuestion, signal: AbortSignal): Promise<Changed>;
  };
  /** Components of the configuration that name their repository, each with its clone URL. */
  readonly configured: readonly { readonly component: string; readonly repository: string }[];
  readonly registries: readonly Pick<Registry, 'name' | 'host' | 'head'>[];
}
