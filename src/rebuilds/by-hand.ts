/** Reads what the decisions on a person's rebuilds need, and makes their requests. */
import { buildId } from '../kernel/ids.js';
import type { BuildRow, Ledger, Stream } from '../ledger/index.js';
import type { Build } from '../messages/index.js';
import {
  type AsOf,
  type Basis,
  type Failed,
  type HandAsk,
  type HandPlan,
  type ImageName,
  planAsOf,
  planDependents,
} from './decide/by-hand.js';
import { type EndedBuild, keyOf } from './decide/node.js';
import { readAround } from './read-around.js';
import { readGraph } from './read-graph.js';

/** Builds that one question to the ledger gets; there are never so many. */
const ALL = 1_000_000;

type IsOut = (stream: Stream) => boolean;

/** Of each component and target the build that failed last, those since a time (ISO) where one is given. */
export function readFailed(ledger: Ledger, streams: readonly Stream[], since: string | null): readonly Failed[] {
  return streams.flatMap(({ component, target }) => {
    const of = { component, target, kind: 'official', limit: 1 } as const;
    const window = since === null ? {} : { endedSince: since };
    const [failed] = ledger.builds({ ...of, ...window, states: ['failed'] });
    if (failed === undefined) return [];
    const [later] = ledger.builds({ ...of, states: ['requested', 'started', 'completed'] });
    const newer = later !== undefined && later.requestedSeq > failed.requestedSeq ? later : null;
    return [{ failed, newer }];
  });
}

/** What stands directly on an image. */
export function readDependents(ledger: Ledger, image: ImageName, streamOut: IsOut, isOut: IsOut): HandPlan {
  const waiting = ledger.builds({ states: ['requested'], kind: 'official', limit: ALL });
  const asked = new Set(waiting.map(keyOf));
  return planDependents(readGraph(ledger, streamOut), image, isOut, asked);
}

/** The image that the names of a component and target stand for; what failed where there is none. Null: neither. */
export function readBasis(ledger: Ledger, stream: Stream): EndedBuild | null {
  const node = readAround(ledger, stream, 1).graph.nodes.get(keyOf(stream));
  return node === undefined ? null : (node.image ?? node.last);
}

/** Parents as they were at a time (ISO), of what components had then, or of builds. */
export function readAsOf(ledger: Ledger, wanted: readonly (Stream | BuildRow)[], before: string): HandPlan {
  const found = wanted.map((one): AsOf => {
    const stream = { component: one.component, target: one.target };
    return { stream, basis: 'id' in one ? one : imageOfThen(ledger, stream, before) };
  });
  return planAsOf(found, (name) => ledger.holderOfName(name, { before }));
}

/** Of what was completed before a time, the one that was asked for last: of two commits that is the newer, as a rule. */
function imageOfThen(ledger: Ledger, { component, target }: Stream, before: string): Basis | null {
  const of = { component, target, kind: 'official', states: ['completed'], endedUntil: before, limit: 1 } as const;
  return ledger.builds(of)[0] ?? null;
}

export interface ByWhom {
  /** Id of the request: makes each build another one than all before. */
  readonly request: string;
  readonly agent: string | null;
  readonly reason: string | null;
}

/** The build that is asked for, as messages carry it. Publish it as `build.requested.v1`. */
export function buildByHand({ basis, kind, pins }: HandAsk, { request, agent, reason }: ByWhom): Build {
  const { component, target, source, buildArgs } = basis;
  return {
    id: buildId({ component, target, commit: source.commit, kind, buildArgs, causeKey: request }),
    component,
    target,
    kind,
    name: null,
    version: null,
    release: null,
    nvr: null,
    source,
    cause: {
      type: 'person',
      key: request,
      message: null,
      wave: null,
      agent,
      reason,
      parents: pins === null ? null : [...pins],
    },
    build_args: { ...buildArgs },
    attempt: 1,
  };
}
