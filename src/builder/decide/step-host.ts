/** A host name that the container of a build's step has, where it can have no label: it names the build. */

const DOMAIN = '.build.layerwright.invalid';

export function stepHost(build: string): string {
  return `${encodeURIComponent(build)}${DOMAIN}`;
}

/** Whose step a container ran that has these entries, as `name:address`, in its `/etc/hosts`; null for one that ran none. */
export function buildOfStep(hosts: readonly string[]): string | null {
  for (const host of hosts) {
    const name = host.slice(0, host.indexOf(':'));
    if (!name.endsWith(DOMAIN) || name === DOMAIN) continue;
    try {
      return decodeURIComponent(name.slice(0, -DOMAIN.length));
    } catch {
      // Somebody else's words.
    }
  }
  return null;
}
