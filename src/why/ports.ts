import type { Build, Message } from '../messages/index.js';

/** A *no* of the rules for pushes, and its sentence. */
export interface Refusal {
  readonly code: string;
  readonly reason: string;
}

/** What the role `trigger` would make of a message. */
export type Foreseen =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | {
      readonly kind: 'decided';
      readonly builds: readonly Pick<Build, 'id' | 'component' | 'target'>[];
      readonly notBuilt: readonly {
        readonly candidate: { readonly component: string; readonly target: string };
        readonly refusal: Refusal;
      }[];
      /** Why what it changed could not be found out; else null. */
      readonly unsure: string | null;
    };

export interface FoundMessage {
  readonly message: Message;
  /** ISO time of storing. */
  readonly storedAt: string;
}

/** The logs that no ledger is folded from. */
export interface OtherLogs {
  /** A message of the log of pushes; null when it is not among those that were read. `since`: ISO time, where one is known. */
  push(id: string, since: string | null): Promise<FoundMessage | null>;
  /** The same of the messages that nobody could handle; its body is a `DeadBody`. */
  dead(id: string): Promise<FoundMessage | null>;
  foresee(message: Message): Promise<Foreseen>;
}
