/** Finds what a person means, and asks the rules about it. */
import { isDigest } from '../kernel/digest.js';
import type { BuildRow, Ledger, Stream } from '../ledger/index.js';
import { holdTheSame, readAround, rebuildOf, type WaveSettings } from '../rebuilds/index.js';
import { waveOf, whyBuild } from './decide/build.js';
import { whyComponent } from './decide/component.js';
import { effectsOf, whyDead, whyForeign, whyOwnMessage, whySkipped } from './decide/message.js';
import { buildName, type Reason, reason, Telling } from './decide/reason.js';
import type { View } from './decide/view.js';
import type { OtherLogs } from './ports.js';

/** Images below a component that are looked at. */
const AROUND = 25;
/** Builds of a component that are looked through for its targets, and open waves. */
const RECENT = 20;
const OPEN_WAVES = 50;
/** Longest beginning of an id; what is longer is one, or is none. */
const ID_LENGTH = 36;

export interface WhyParts {
  readonly ledger: Pick<
    Ledger,
    | 'build'
    | 'builds'
    | 'find'
    | 'byDigest'
    | 'byMessage'
    | 'causedBy'
    | 'dependentsOfDigest'
    | 'holderOfName'
    | 'wave'
    | 'waves'
    | 'skippedMessage'
  >;
  readonly logs: OtherLogs;
  readonly settings: WaveSettings;
  /** Names of the targets of the configuration. */
  readonly targets: readonly string[];
  /** Hosts of the registries that images of ours are in. */
  readonly hosts: readonly string[];
  readonly isOut: (stream: Stream) => boolean;
  readonly now: Date;
}

/** Answers to a question; several where a component is in several targets, or the beginning of an id fits several builds. */
export interface Answers {
  readonly reasons: readonly Reason[];
  /** True when a beginning of an id fits several builds: their reasons are their names alone. */
  readonly ambiguous: boolean;
}

const NONE: Answers = { reasons: [], ambiguous: false };

/**
 * Why what `text` names is as it is: a build's id, its beginning or NVR; a component; an image's digest or reference; a
 * message's id; a wave's. `target`: only of this target. No reasons: nothing is known of it. Throws what the logs throw.
 */
export async function explain(text: string, target: string | null, parts: WhyParts): Promise<Answers> {
  const fits = (row: Stream): boolean => target === null || row.target === target;
  const known = fromLedger(text, fits, parts);
  if (known !== null) return known;
  const found = await fromOtherLogs(text, parts);
  return found === null ? NONE : { reasons: [found], ambiguous: false };
}

/** What the ledger alone can answer; null: nothing. */
function fromLedger(text: string, fits: (row: Stream) => boolean, parts: WhyParts): Answers | null {
  const { ledger } = parts;
  const view: View = viewOf(ledger);
  const one = (found: Reason): Answers => ({ reasons: [found], ambiguous: false });
  if (isDigest(text)) {
    const image = whyImage(text, null, parts, view);
    return image === null ? null : one(image);
  }
  const streams = streamsOf(text, parts).filter(fits);
  if (streams.length > 0)
    return { reasons: streams.map((stream) => whyComponent(factsOf(stream, parts), view)), ambiguous: false };
  const builds = ledger.find(text).filter(fits);
  if (builds[0] !== undefined) return whyBuilds(builds, view);
  const traced = ledger.byMessage(text);
  if (traced.build !== null || traced.wave !== null) return one(whyOwnMessage(text, traced, view));
  const skipped = ledger.skippedMessage(text);
  if (skipped !== null) return one(whySkipped(skipped));
  const wave = text.length === ID_LENGTH ? ledger.wave(text) : null;
  if (wave !== null) return one(waveOf(wave, view, new Telling(), true));
  for (const name of namesOf(text, parts.hosts)) {
    const holder = ledger.holderOfName(name);
    if (holder !== null && fits(holder)) return one(whyName(name, holder, view));
  }
  return null;
}

function viewOf(ledger: WhyParts['ledger']): View {
  return {
    build: (id) => ledger.build(id),
    builds: (filter) => ledger.builds(filter),
    byDigest: (digest) => ledger.byDigest(digest),
    byMessage: (id) => ledger.byMessage(id),
    causedBy: (id, limit) => ledger.causedBy(id, limit),
    holderOfName: (name, options) => ledger.holderOfName(name, options),
    wave: (id) => ledger.wave(id),
    waves: (filter) => ledger.waves(filter),
    skippedMessage: (id) => ledger.skippedMessage(id),
    holdTheSame,
  };
}

function whyBuilds(builds: readonly BuildRow[], view: View): Answers {
  const [only] = builds;
  if (only !== undefined && builds.length === 1) return { reasons: [whyBuild(only, view)], ambiguous: false };
  const names = builds.map((row) =>
    reason('build', `${buildName(row)} is ${row.state}`, {
      at: row.endedAt ?? row.requestedAt,
      ids: { build: row.id },
    }),
  );
  return { reasons: names, ambiguous: true };
}

/** The targets that a component was built for; those of the configuration first. */
function streamsOf(component: string, { ledger, targets }: WhyParts): readonly Stream[] {
  const recent = ledger.builds({ component, limit: RECENT });
  if (recent.length === 0) return [];
  const names = new Set(recent.map(({ target }) => target));
  for (const target of targets)
    if (!names.has(target) && ledger.builds({ component, target, limit: 1 }).length > 0) names.add(target);
  return [...names].sort().map((target) => ({ component, target }));
}

function factsOf(stream: Stream, { ledger, isOut, settings, now }: WhyParts): Parameters<typeof whyComponent>[0] {
  const { graph, cut } = readAround(ledger, stream, AROUND);
  const open = ledger.waves({ open: true, limit: OPEN_WAVES }).toReversed();
  return { stream, graph, cut, rebuildOf, isOut, open, settings, now };
}

/** Names that a person may mean by a reference: as it is, and below each registry of ours with or without its own host. */
function namesOf(text: string, hosts: readonly string[]): readonly string[] {
  if (!/[/:]/.test(text) || text.length > 1_000) return [];
  const tagged = text.lastIndexOf(':') > text.lastIndexOf('/') ? text : `${text}:latest`;
  const path = tagged.slice(tagged.indexOf('/') + 1);
  return [...new Set([tagged, ...hosts.flatMap((host) => [`${host}/${tagged}`, `${host}/${path}`])])];
}

function whyName(name: string, holder: BuildRow, view: View): Reason {
  const digest = holder.image?.digest;
  return reason('image', `${name} stands for ${digest ?? 'no image'}`, {
    at: holder.endedAt,
    ids: digest === undefined ? {} : { digest },
    because: [whyBuild(holder, view, new Telling(), 0)],
  });
}

/** An image by its digest: the build that made it; of one that is not ours, who stands on it. */
function whyImage(digest: string, name: string | null, { ledger }: WhyParts, view: View): Reason | null {
  const made = ledger.byDigest(digest);
  if (made !== null) return whyName(name ?? digest, made, view);
  const users = ledger.dependentsOfDigest(digest);
  if (users.length === 0) return null;
  return reason('image', `${digest} was made by no build of ours`, {
    ids: { digest },
    because: users.map((row) =>
      reason('build', `${buildName(row)}, which is ${row.state}, was built on it`, {
        at: row.endedAt,
        ids: { build: row.id },
      }),
    ),
  });
}

/** A message that the ledger has no row of: what it led to, and what the log of pushes and the dead letters say. */
async function fromOtherLogs(id: string, { ledger, logs }: WhyParts): Promise<Reason | null> {
  const view = viewOf(ledger);
  const effects = effectsOf(id, view);
  const since = effects
    .map(({ at }) => at)
    .reduce<string | null>((first, at) => (at !== null && (first === null || at < first) ? at : first), null);
  const push = await logs.push(id, since);
  if (push !== null) {
    const { message, storedAt } = push;
    const foreseen = await logs.foresee(message);
    return whyForeign({ id, topic: message.topic, storedAt }, foreseen, view);
  }
  const dead = await logs.dead(id);
  if (dead !== null) {
    const { code, reason: why, group } = dead.message.body;
    const { storedAt, message } = dead;
    return whyDead({
      id,
      topic: message.topic,
      storedAt,
      code: String(code),
      reason: String(why),
      group: String(group),
    });
  }
  if (effects.length === 0) return null;
  return reason('message', 'a message that the log of pushes has no more', { ids: { message: id }, because: effects });
}
