import type { FileReason } from './decide/files.js';
import type { ImageReason } from './decide/images.js';

/** Where house is kept. */
export type AreaKind = 'images' | 'mirrors' | 'logs' | 'tags';

export const AREA_KINDS: readonly AreaKind[] = ['images', 'mirrors', 'logs', 'tags'];

/** One thing that would go. */
export interface Item {
  readonly area: AreaKind;
  /** The engine, the folder or the repository. */
  readonly place: string;
  readonly what: 'cache' | 'parent' | 'leftover' | 'mirror' | 'log' | 'image' | 'tag';
  readonly name: string;
  /** What is free without it; null where that is not known. A registry frees it at its next garbage collection. */
  readonly bytes: number | null;
  /** ISO time; null where it is not known. */
  readonly usedAt: string | null;
  readonly reason: FileReason | ImageReason | 'retired';
}

/** `in_use`: something needs it after all. `refused`: the place can't take things away. */
export type Outcome = 'gone' | 'in_use' | 'refused';

export interface Proposal {
  readonly item: Item;
  carryOut(): Promise<Outcome>;
}

export interface Area {
  readonly kind: AreaKind;
  /** For people, as `engine unix:///var/run/docker.sock`. */
  readonly name: string;
  /** What would go now, in the order in which it goes, with notes for people. Throws when the place is away. */
  propose(): Promise<{ readonly proposals: readonly Proposal[]; readonly notes: readonly string[] }>;
}
