/** When waves are opened; times in milliseconds. */
export interface WaveSettings {
  /** How long no other image may have changed before a wave is opened, and how long the first change waits at most. */
  readonly quietMs: number;
  readonly deadlineMs: number;
  /** What the members of a wave may take of the message that closes it, in bytes; the rest is a further wave. By default all but its room. */
  readonly resultBytes?: number;
}
