import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ServiceError } from '../kernel/service-error.js';

/** Where a configuration is looked for, in this order, when none is named. */
export const CONFIG_PLACES = [
  'layerwright.yaml',
  join('config', 'layerwright.yaml'),
  '/etc/layerwright/config.yaml',
] as const;

export interface ConfigPlace {
  /** Null: nothing was found, the built-in default holds. */
  readonly path: string | null;
  /** How it came to be chosen, for people. */
  readonly how: string;
}

/** The configuration file: the option, the variable, or the first of the usual places. Throws `usage` for a named file that is not there. */
export function findConfig(
  named: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
  exists: (path: string) => boolean = existsSync,
): ConfigPlace {
  const variable = env['LAYERWRIGHT_CONFIG'];
  const choice = named ?? (variable === '' ? undefined : variable);
  if (choice !== undefined) {
    const how = named === undefined ? 'named by LAYERWRIGHT_CONFIG' : 'named by --config';
    const path = resolve(cwd, choice);
    if (!exists(path)) throw new ServiceError('usage', `the configuration ${path}, ${how}, is not there`);
    return { path, how };
  }
  const found = CONFIG_PLACES.map((place) => resolve(cwd, place)).find(exists);
  return found === undefined ? { path: null, how: 'built in' } : { path: found, how: 'found' };
}
