import type { LogPosition } from '../bus/index.js';

/** Where the fold stands: written in one transaction with what it made. */
export interface Standing {
  readonly position: LogPosition | null;
  /** Entries of the log read so far. */
  readonly seq: number;
  /** Messages of ours noted and skipped so far. */
  readonly skipped: number;
}

export const BEGINNING: Standing = { position: null, seq: 0, skipped: 0 };
