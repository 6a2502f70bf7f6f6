import type { DockerfileFacts } from './facts.js';

/**
 * Puts resolved names in the place of the references, and leaves every other character as it is. `resolved` maps
 * `written` to `host/repository@sha256:…`; a reference without an entry stays as written.
 */
export function pinDockerfile(
  text: string,
  facts: Pick<DockerfileFacts, 'parents'>,
  resolved: ReadonlyMap<string, string>,
): string {
  const pieces: string[] = [];
  let from = 0;
  for (const { written, place } of [...facts.parents].sort((a, b) => a.place.start - b.place.start)) {
    const pinned = resolved.get(written);
    if (pinned === undefined) continue;
    pieces.push(text.slice(from, place.start), pinned);
    from = place.end;
  }
  pieces.push(text.slice(from));
  return pieces.join('');
}
