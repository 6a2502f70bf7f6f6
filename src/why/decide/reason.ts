/** What `why` answers with: sentences, each with what is to be looked up, and below it what led to it. */
import type { BuildRow, RowMessage } from '../../ledger/index.js';

export type ReasonKind =
  | 'build'
  | 'request'
  | 'push'
  | 'wave'
  | 'change'
  | 'parent'
  | 'image'
  | 'component'
  | 'message'
  /** The rule that said no, or that all is well. */
  | 'rule'
  /** There is more than is told. */
  | 'more';

/** What a sentence is about, to be asked for next. */
export interface Ids {
  readonly message?: string;
  readonly build?: string;
  readonly wave?: string;
  readonly digest?: string;
}

export interface Reason {
  readonly kind: ReasonKind;
  /** One sentence, or a line like one. */
  readonly text: string;
  /** Of a rule: the word that messages and docs have for it. */
  readonly code: string | null;
  /** ISO time at which it was stored; null where that is not known. */
  readonly at: string | null;
  readonly ids: Ids;
  readonly because: readonly Reason[];
}

/** Sentences of one answer, and steps from its first one: what the log says of one build may be about very many. */
const MAX_REASONS = 400;
const MAX_DEPTH = 40;

type Parts = Partial<Omit<Reason, 'kind' | 'text'>>;

export function reason(kind: ReasonKind, text: string, parts: Parts = {}): Reason {
  return { kind, text, code: null, at: null, ids: {}, because: [], ...parts };
}

export function rule(code: string, text: string, parts: Parts = {}): Reason {
  return reason('rule', text, { code, ...parts });
}

/** What was told already in one answer, and how much more may be. */
export class Telling {
  readonly #told = new Set<string>();
  #left = MAX_REASONS;

  /** True for what is told for the first time; else it says where it was. */
  isNew(id: string): boolean {
    if (this.#told.has(id)) return false;
    this.#told.add(id);
    return true;
  }

  /** Whether there is room for what led to something; `depth`: steps from the first sentence. */
  hasRoom(depth: number): boolean {
    this.#left -= 1;
    return this.#left > 0 && depth < MAX_DEPTH;
  }
}

/** The message that gave a build a state it has, by the last word of its topic. */
export function messageOf({ messages }: Pick<BuildRow, 'messages'>, ...words: readonly string[]): RowMessage | null {
  return messages.findLast(({ topic }) => words.some((word) => topic.endsWith(`.build.${word}`))) ?? null;
}

/** `f41/httpd`. */
export function nameOf({ component, target }: { readonly component: string; readonly target: string }): string {
  return `${target}/${component}`;
}

export function buildName(row: Pick<BuildRow, 'component' | 'target' | 'nvr' | 'source'>): string {
  return row.nvr ?? `the build of ${nameOf(row)} at ${row.source.commit.slice(0, 12)}`;
}

/** As much of a digest as tells two apart. */
export function shortDigest(digest: string): string {
  return `${digest.slice(0, 'sha256:'.length + 12)}…`;
}
