/** What a node stands on, and whether that is another image now. */
import type { Image, Parent } from '../../messages/index.js';
import type { Names } from './names.js';
import { type Edge, type EndedBuild, endSeq, parentsOf, type Sighting } from './node.js';

/** Whether two images hold the same: an index that was made anew over the same images does. */
export function holdTheSame(one: Image, other: Image): boolean {
  if (one.digest === other.digest) return true;
  if (one.content !== null && one.content === other.content) return true;
  const digests = ({ platforms }: Image): string =>
    platforms
      .map(({ digest }) => digest)
      .sort()
      .join();
  return one.platforms.length > 0 && digests(one) === digests(other);
}

/** `seen`: what is known of a name that is not ours. */
export function edgesOf(
  image: EndedBuild | null,
  last: EndedBuild,
  names: Names,
  seen: (name: string) => Sighting | null,
): readonly Edge[] {
  const edges = new Map<string, Edge>();
  for (const parent of parentsOf(image, last)) {
    const { written, resolved } = parent;
    const held = image?.parents.find((one) => one.resolved === resolved) ?? null;
    const tried = image === null ? parent : held;
    const now = names.now(resolved);
    const from = now ?? names.before(parent);
    const sighting = from === null ? seen(resolved) : null;
    const isOutside = tried !== null && sighting !== null && isOtherOutside(sighting, tried, image ?? last);
    const changed = isOutside || (tried !== null && now !== null && isOther(now, tried, names));
    const since = isOutside ? sighting.seenAt : (now?.endedAt ?? null);
    edges.set(resolved, {
      written,
      resolved,
      from: from === null ? null : { component: from.component, target: from.target },
      standsOn: held?.digest ?? null,
      now,
      seen: isOutside ? sighting : null,
      staleSince: changed && held !== null ? since : null,
      changed,
    });
  }
  return [...edges.values()];
}

/** Whether a name stands for another image now than the one that was stood on. */
function isOther({ image }: EndedBuild, held: Parent, names: Names): boolean {
  if (image === null || image.digest === held.digest) return false;
  // Who resolves an index for one platform may have noted that platform's digest.
  if (image.platforms.some(({ digest }) => digest === held.digest)) return false;
  const then = names.before(held)?.image ?? null;
  return then === null || !holdTheSame(then, image);
}

/** The same of what is not ours. `built`: stood on it. */
function isOtherOutside({ digest, same, seq }: Sighting, held: Parent, built: EndedBuild): boolean {
  return held.digest !== digest && !same.includes(held.digest) && endSeq(built) <= seq;
}
