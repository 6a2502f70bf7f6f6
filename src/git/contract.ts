import type { Readable } from 'node:stream';

/** Which git hosts we talk to, and how. */
export interface GitSettings {
  /** Folder of the bare mirrors; can be deleted at any time. */
  readonly mirrors: string;
  readonly access: readonly GitAccess[];
  /** Milliseconds that one fetch may take. Default 120,000. */
  readonly timeoutMs?: number;
}

/** One rule that allows URLs. The first that matches is taken; a URL without a rule is refused before git runs. */
export interface GitAccess {
  /**
   * A clone URL with `{name}` placeholders (each stands for one or more path segments), as in the configuration's
   * `sources`: the scheme, the host and the port are literal. `file:///…` and plain paths allow a local folder.
   */
  readonly pattern: string;
  /** File with a token or a password, sent as HTTP basic authentication; never an argument, never in a log. */
  readonly tokenFile: string | null;
  readonly user: string | null;
  /** Allows loopback, link-local and private addresses, which are refused else. */
  readonly privateAddress: boolean;
}

/** A repository and the ref that a build names. `ref`: `f41` for a branch, `tags/v1` for a tag. */
export interface GitSource {
  readonly url: string;
  readonly ref: string;
}

/** What sort of file a tree entry is. */
export interface TreeEntry {
  readonly path: string;
  readonly kind: 'file' | 'link' | 'submodule';
  readonly size: number;
}

/**
 * The outside git hosts through bare mirrors, one a repository, with the whole history of the refs asked for.
 * Throws ServiceError: `source_unavailable` (`transient`; `away` while its host is), `commit_missing`, `source_unsupported`, `config_invalid` (the
 * URL is not allowed).
 */
export interface Git {
  /** Why this URL is refused, or null when a rule allows it. Resolves names; runs no git. */
  refusal(url: string): Promise<string | null>;
  /** Brings the ref's whole history and its head. Calls for one repository at one time share one fetch. */
  fetch(source: GitSource, signal?: AbortSignal): Promise<FetchedRef>;
  /** Heads by short name as the host shows them now, for refs that match. */
  lsRemote(url: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>>;
  close(): Promise<void>;
}

/** A mirror after a fetch. Every method reads the mirror only. `commit` is a full object name. */
export interface FetchedRef {
  /** The ref's head as fetched (a tag is peeled); null when the host has no such ref. */
  readonly head: string | null;
  has(commit: string): Promise<boolean>;
  /** True when `commit` is the head or reachable from it. */
  isOnRef(commit: string): Promise<boolean>;
  isAncestor(ancestor: string, descendant: string): Promise<boolean>;
  /** Commits reachable from `commit`. */
  countCommits(commit: string): Promise<number>;
  /** Time of the commit by its committer, in whole seconds. */
  committedAt(commit: string): Promise<Date>;
  /** Names of the files below `path` (empty: all). Paths are relative to `path`. */
  tree(commit: string, path: string): Promise<readonly TreeEntry[]>;
  /** A file's bytes, at most `maxBytes`; null when there is none, or it is no file. */
  readFile(commit: string, path: string, maxBytes: number): Promise<Buffer | null>;
  /** Paths that differ between two commits; null when that can't be told. */
  changedPaths(from: string, to: string): Promise<readonly string[] | null>;
  /**
   * The files below `path` as a tar stream, names relative to `path`. A file's time is that of the last commit that
   * changed it, a folder's that of the last one that changed anything in it, in whole seconds: a commit that leaves both
   * as they are gives the same bytes.
   */
  archive(commit: string, path: string, signal?: AbortSignal): Readable;
}
