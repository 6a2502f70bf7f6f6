/** What the keeper needs of the configuration. Times in milliseconds. */
export interface KeeperSettings {
  /** Between two rounds. */
  readonly everyMs: number;
  /** Builds of each component and target whose tags stay, whatever their age. */
  readonly builds: number;
  /** After its build's end for which a tag stays, and for which a local log does. */
  readonly ageMs: number;
  readonly mirrorBytes: number;
  readonly logBytes: number;
  /** After its last use in which nothing local is touched; longer than any step of a build. */
  readonly graceMs: number;
  /** By an engine's host: bytes of images that may stay. */
  readonly engines: Readonly<Record<string, number>>;
  /** By a target's name: where its images go. */
  readonly targets: Readonly<Record<string, KeeperTarget>>;
}

export interface KeeperTarget {
  /** Name of the candidate registry. */
  readonly candidate: string;
  /** Repository with `{component}`. */
  readonly repository: string;
}
