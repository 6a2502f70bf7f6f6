/** What the trigger needs of the configuration. */
export interface TriggerSettings {
  readonly prefix: string;
  readonly sources: readonly SourceRule[];
  readonly targets: readonly TriggerTarget[];
  readonly components: readonly ComponentRule[];
}

/** Which pushes are ours, and how their repository is cloned. The first rule that matches is taken. */
export interface SourceRule {
  /** Patterns with `*` (any run of characters but `/`); a member left out matches all. `host` is the forge's, when the message names one. */
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
  /** `namespace/repo`, or `repo`. */
  readonly repository: string;
  /** Folder of the Dockerfile; empty for the root. */
  readonly path: string;
  /** Globs of paths that matter (`**` any folders); empty: everything below `path`. */
  readonly watch: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
}
