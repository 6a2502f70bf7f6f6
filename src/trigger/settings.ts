/** What the trigger needs of the configuration. */
export interface TriggerSettings {
  readonly prefix: string;
  readonly sources: readonly SourceRule[];
  readonly targets: readonly TriggerTarget[];
  readonly components: readonly ComponentRule[];
  /** Milliseconds that a push waits for a git host that is away, when only git knows what it changed. */
  readonly sourcePatienceMs: number;
}

/** Which pushes are ours, and how their repository is cloned. The first rule that matches is taken. */
export interface SourceRule {
  /**
   * Patterns (`*` any run of characters but `/`, `**` any folders); a member left out matches all. A rule with `host`
   * wants a message that names its forge. A fork on Pagure is matched only by a rule that names its namespace.
   */
  readonly match: { readonly namespace?: string; readonly repo?: string; readonly host?: string };
  /** URL with `{namespace}` and `{repo}`. */
  readonly clone: string;
  /** Name of the component with `{namespace}` and `{repo}`. */
  readonly component: string;
}

export interface TriggerTarget {
  readonly name: string;
  /** Branch patterns (`f41`, `release-*`), or `tags/…` for tags. */
  readonly refs: readonly string[];
  readonly onBranchCreate: 'build' | 'skip';
  readonly closed: boolean;
}

/** An exception: a component that is a part of a repository, or has build arguments. */
export interface ComponentRule {
  readonly component: string;
  /** `namespace/repo`, or `repo`. Null: the repository whose source rule gives this component's name. */
  readonly repository: string | null;
  /** Folder of the Dockerfile; empty for the root. */
  readonly path: string;
  /** Globs of paths that matter (`**` any folders); empty: everything below `path`. */
  readonly watch: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
}
