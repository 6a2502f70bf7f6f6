import { hash } from 'node:crypto';
import type { Bus, Claim } from '../bus/index.js';
import type { AreaKind } from './area.js';

/** What is kept by one process of a machine, and what by one of all. */
export type Scope = 'machine' | 'registries';

export const SCOPES: readonly Scope[] = ['machine', 'registries'];

const KINDS: Readonly<Record<Scope, readonly AreaKind[]>> = {
  machine: ['images', 'mirrors', 'logs'],
  registries: ['tags'],
};

export function kindsOf(scope: Scope, wanted: readonly AreaKind[]): readonly AreaKind[] {
  return KINDS[scope].filter((kind) => wanted.includes(kind));
}

/** Claims the scope for this process; null when another keeps house there now. `machine`: its host name. */
export function claimScope(bus: Bus, scope: Scope, machine: string, by: string): Promise<Claim | null> {
  const key = scope === 'registries' ? 'keep.registries' : `keep.machine.${shortHash(machine)}`;
  return bus.claim(key, by);
}

/** Host names may hold what a bus's names can't. */
function shortHash(text: string): string {
  return hash('sha256', text).slice(0, 16);
}
