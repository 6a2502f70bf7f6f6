/** What a component would be rebuilt on, read off the graph (design, section 4, "Identity", and section 7). */
import { buildId, derivedId } from '../../kernel/ids.js';
import { lastTold } from '../../kernel/last-told.js';
import type { RowMessage } from '../../ledger/index.js';
import type { Due } from './due.js';
import type { Edge, EndedBuild, GraphNode } from './node.js';

/** When a rebuild came to be wanted, and by what message; of what no message tells the id is computed from what was seen. */
export type Moment = Pick<RowMessage, 'id' | 'seq' | 'storedAt'>;

/** The build that would put a node on the images that the names of its parents stand for now. */
export interface Rebuild {
  readonly id: string;
  /** Part of the id: of one last build over the same parents there is one rebuild, whatever became of it; one each schedule for what is due. */
  readonly causeKey: string;
  /** The last image's build; where there is none, the one that failed. It is built from the same source. */
  readonly basis: EndedBuild;
  /** What it is to stand on. */
  readonly pins: readonly { readonly name: string; readonly digest: string }[];
  /** The parents that have changed; none only where it is due. */
  readonly changed: readonly Edge[];
  /** True when it is wanted for the age of its image, too. */
  readonly due: boolean;
  /** With which the last of its reasons came about. */
  readonly moment: Moment;
}

/** Comes after all that is on the log. */
const OFF_THE_LOG = Number.MAX_SAFE_INTEGER;

/** Null when no parent of a node has changed and it is not due. */
export function rebuildOf({ image, last, parents }: GraphNode, due: Due | null = null): Rebuild | null {
  const changed = parents.filter((edge) => edge.changed);
  if (changed.length === 0 && (due === null || image === null)) return null;
  const basis = image ?? last;
  const pins = parents
    .flatMap(({ resolved, now, seen }) => {
      const digest = now?.image?.digest ?? seen?.digest ?? null;
      return digest !== null && basis.parents.some((parent) => parent.resolved === resolved)
        ? [{ name: resolved, digest }]
        : [];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const moment = momentOf(basis, changed, due);
  if (moment === null) return null;
  const period = due === null ? [] : [`due ${due.period}`];
  const stands = pins.map(({ name, digest }) => `${name}@${digest}`);
  const causeKey = `rebuild ${derivedId('rebuild', basis.id, ...stands, ...period)}`;
  const { component, target, source, buildArgs } = basis;
  const id = buildId({ component, target, commit: source.commit, kind: 'official', buildArgs, causeKey });
  return { id, causeKey, basis, pins, changed, due: due !== null, moment };
}

/** Of messages the last on the log; of that, what was seen and the age the last in time. */
function momentOf(basis: EndedBuild, changed: readonly Edge[], due: Due | null): Moment | null {
  const messages = [basis, ...changed.map(({ now }) => now)].flatMap((build) => (build === null ? [] : endOf(build)));
  const told = messages.reduce<RowMessage | null>(
    (late, one) => (late === null || one.seq > late.seq ? one : late),
    null,
  );
  if (told === null) return null;
  const moments: Moment[] = changed.flatMap(({ resolved, seen }) =>
    seen === null
      ? []
      : [{ id: derivedId('sighting', resolved, seen.digest), seq: OFF_THE_LOG, storedAt: seen.seenAt }],
  );
  if (due !== null) moments.push({ id: told.id, seq: OFF_THE_LOG, storedAt: due.since });
  return moments.reduce<Moment>(
    (late, one) => (Date.parse(one.storedAt) > Date.parse(late.storedAt) ? one : late),
    told,
  );
}

/** The message that told of a build's end, as a list of one. */
export function endOf(build: Pick<EndedBuild, 'messages'>): readonly RowMessage[] {
  const told = lastTold(build, 'completed') ?? lastTold(build, 'failed');
  return told === null ? [] : [told];
}
