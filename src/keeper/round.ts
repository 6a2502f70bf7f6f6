/** One round of house-keeping: look at each area, then carry out what it proposes. */
import { ServiceError, toError } from '../kernel/service-error.js';
import type { Area, Item, Outcome } from './area.js';

export interface RoundOptions {
  /** True: nothing is carried out. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Asked before each thing goes: false when another process may keep house by now. */
  readonly isOurs: () => Promise<boolean>;
  /** Called for each thing, in order; with a dry run the outcome is null. */
  readonly onItem?: (item: Item, outcome: Outcome | null) => void;
}

export interface Round {
  readonly gone: number;
  /** What is free by it, as far as that is known. */
  readonly bytes: number;
  /** Things that stay because something uses them, or the place does not give them away. */
  readonly stayed: number;
  /** For people: what a place can't do. */
  readonly notes: readonly string[];
  /** Places that could not be looked at, or broke off. */
  readonly faults: readonly { readonly place: string; readonly error: Error }[];
  /** False when it was broken off: by the signal, or because the house is another's. */
  readonly finished: boolean;
}

/**
 * Each thing goes by itself and needs no other to have gone, so that a round may break off anywhere; the next one takes
 * up what is left. A fault of one area does not keep the others.
 */
export async function keepHouse(areas: readonly Area[], options: RoundOptions): Promise<Round> {
  const notes = new Set<string>();
  const faults: { place: string; error: Error }[] = [];
  const sums = { gone: 0, bytes: 0, stayed: 0 };
  for (const area of areas) {
    try {
      if (!(await keepArea(area, options, sums, notes))) return { ...sums, notes: [...notes], faults, finished: false };
    } catch (thrown) {
      faults.push({ place: area.name, error: toError(thrown) });
    }
  }
  return { ...sums, notes: [...notes], faults, finished: true };
}

/** False when the round is to end. */
async function keepArea(
  area: Area,
  { dryRun, signal, isOurs, onItem }: RoundOptions,
  sums: { gone: number; bytes: number; stayed: number },
  notes: Set<string>,
): Promise<boolean> {
  if (signal.aborted) return false;
  const found = await area.propose();
  for (const note of found.notes) notes.add(note);
  for (const { item, carryOut } of found.proposals) {
    if (signal.aborted || !(await isOurs())) return false;
    const outcome = dryRun ? null : await carryOut();
    if (outcome === null || outcome === 'gone') {
      sums.gone += 1;
      sums.bytes += item.bytes ?? 0;
    } else sums.stayed += 1;
    onItem?.(item, outcome);
  }
  return true;
}

/** True for a fault that waiting may mend: the next round tries again. */
export function isPassing(error: Error): boolean {
  return error instanceof ServiceError && error.transient;
}
