import { derivedId } from './ids.js';

/** A number from 0 up to 1 that is a name's own: what would come in one moment for all names comes spread, alike everywhere. */
export function shareOf(name: string): number {
  return Number.parseInt(derivedId('share', name).slice(0, 8), 16) / 2 ** 32;
}
