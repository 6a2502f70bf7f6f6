import { isAbsolute, join, resolve } from 'node:path';

/** Makes a path of the file absolute. */
export type Paths = (path: string) => string;

/** Paths are relative to `folder`; `~/` is `home`. */
export function pathsFrom(folder: string, home: string | null): Paths {
  return (path) => {
    if (path.startsWith('~/') && home !== null) return join(home, path.slice(2));
    return isAbsolute(path) ? path : resolve(folder, path);
  };
}
