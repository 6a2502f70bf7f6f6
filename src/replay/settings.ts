/** What a replay needs of the configuration and of who asked for it. */
export interface PlanSettings {
  /** Id of this replay; on every copy, and a part of the ids of forced builds. */
  readonly run: string;
  /** Makes what has a known id anew, under new ids; sends commands too. */
  readonly force: boolean;
  /** Sends what is neither a push nor ours as well. */
  readonly foreign: boolean;
  /** Messages that are sent at most; null for no bound. */
  readonly limit: number | null;
  /** Whether a newer commit's build stands in for an older one's, as builders have it. */
  readonly supersede: boolean;
  /** Who asks, for forced builds. */
  readonly agent: string | null;
  readonly select: Selection;
}

/** Which messages are meant; each member given must hold. Times are the source's own business. */
export interface Selection {
  readonly topic: ((topic: string) => boolean) | null;
  readonly component: string | null;
  /** Id of a message. */
  readonly id: string | null;
  /** Id of a build, or its beginning. */
  readonly build: string | null;
  /** Everything up to this message was replayed before: its id, or its line in a dump. */
  readonly after: { readonly id: string } | { readonly line: number } | null;
}
