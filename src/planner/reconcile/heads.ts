import { messageId } from '../../kernel/ids.js';
import { ServiceError } from '../../kernel/service-error.js';
import type { BuildRow, Ledger, Stream } from '../../ledger/index.js';
import { type Build, CATALOG, compose } from '../../messages/index.js';
import { Absences } from './absences.js';
import { type Changed, decideHead, type Head, type HeadDecision, type KnownBuild } from './decide/heads.js';
import type { Action } from './findings.js';
import { eachOf } from './pace.js';
import type { Pass, PassParts } from './parts.js';
import { hasStream } from './scope.js';

/** Repositories that are asked at one time. */
const AT_ONCE = 8;
/** Builds of a component that are looked through for the last one of a branch; one that is further back counts as none. */
const LOOK_BACK = 1_000;
/** As that, where most are found. */
const FIRST_LOOK = 20;
/** Streams looked through before others have their turn. */
const YIELD_EVERY = 200;

const REQUEST = 'build.requested.cascade.v1';

export interface HeadsSeen {
  readonly repositories: number;
  readonly heads: number;
  readonly missed: number;
  readonly faults: ReturnType<Absences['faults']>;
}

/** Asks each known repository for its heads, and for the builds of those whose push nobody heard. Throws what bus and ledger throw. */
export async function lookAtHeads(parts: PassParts, pass: Pass): Promise<HeadsSeen> {
  const repositories = await knownRepositories(parts, pass);
  const look = new HeadsLook(parts, pass);
  await eachOf(repositories, AT_ONCE, pass.signal, (url) => look.at(url));
  return { repositories: repositories.length, ...look.seen() };
}

/** Clone URLs of what has been built last, and of what the configuration names; begins at another one each time. */
async function knownRepositories(
  { ledger, isOut, ports }: PassParts,
  { scope, signal }: Pass,
): Promise<readonly string[]> {
  const urls = new Set<string>();
  for (const [index, stream] of ledger.streams().entries()) {
    if (signal.aborted) break;
    if (index % YIELD_EVERY === 0) await new Promise((resolve) => setImmediate(resolve));
    if (isOut(stream) || !hasStream(scope, stream)) continue;
    const [last] = officialBuilds(ledger, stream, 1);
    if (last !== undefined) urls.add(last.source.repository);
  }
  for (const { component, repository } of ports.configured)
    if (scope.components === null || scope.components.includes(component)) urls.add(repository);
  const sorted = [...urls].sort();
  const first = Math.floor(Math.random() * sorted.length);
  return [...sorted.slice(first), ...sorted.slice(0, first)];
}

function officialBuilds(ledger: Ledger, { component, target }: Stream, limit: number): readonly BuildRow[] {
  return ledger.builds({ component, target, kind: 'official', limit });
}

class HeadsLook {
  readonly #parts: PassParts;
  readonly #pass: Pass;
  readonly #hosts = new Absences();
  /** Ids of builds that were asked for: two branches may have one head. */
  readonly #asked = new Set<string>();
  #heads = 0;

  constructor(parts: PassParts, pass: Pass) {
    this.#parts = parts;
    this.#pass = pass;
  }

  seen(): Omit<HeadsSeen, 'repositories'> {
    return { heads: this.#heads, missed: this.#asked.size, faults: this.#hosts.faults() };
  }

  async at(repository: string): Promise<void> {
    const host = hostOf(repository);
    if (this.#hosts.isAway(host)) {
      this.#hosts.missed(host);
      return;
    }
    let heads: ReadonlyMap<string, string>;
    try {
      heads = await this.#parts.ports.git.lsRemote(repository, this.#pass.signal);
    } catch (thrown) {
      if (!this.#pass.signal.aborted) this.#hosts.failed(host, repository, thrown);
      return;
    }
    this.#hosts.answered(host);
    for (const [ref, commit] of [...heads].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (this.#pass.signal.aborted) return;
      await this.#lookAt({ repository, ref, commit });
    }
  }

  async #lookAt(head: Head): Promise<void> {
    const { isOut, ports } = this.#parts;
    const builds = ports.wantedOf(head, { created: false, changed: null });
    if (builds.length > 0) this.#heads += 1;
    for (const build of builds) {
      if (this.#pass.signal.aborted) return;
      if (isOut(build) || !hasStream(this.#pass.scope, build) || this.#asked.has(build.id)) continue;
      const decision = await this.#decide(head, build);
      if (decision.kind === 'ask') await this.#ask(head, build, decision.last);
      else if (decision.kind === 'away') this.#isAway(head, decision.reason);
    }
  }

  #isAway({ repository }: Head, reason: string): void {
    const fault = new ServiceError('source_unavailable', reason, { away: true });
    this.#hosts.failed(hostOf(repository), repository, fault);
  }

  async #decide(head: Head, build: Build): Promise<HeadDecision> {
    const { memory } = this.#pass;
    const place = `${build.target}/${build.component} ${head.ref}`;
    const known = knownFor(this.#parts.ledger, build, head);
    const { wantedOf, changes } = this.#parts.ports;
    const decide = (changed: Changed | null): HeadDecision => decideHead({ head, build, known, changed }, wantedOf);
    let decision = decide(null);
    if (decision.kind === 'question') {
      // Nothing that follows from two commits changes.
      if (memory.untouched.get(place) === `${decision.before} ${head.commit}`)
        return { kind: 'settled', why: 'untouched' };
      const question = { url: head.repository, ref: head.ref, before: decision.before, after: head.commit };
      const { before } = decision;
      decision = decide(await changes.between(question, this.#pass.signal));
      const isUntouched = decision.kind === 'settled' && decision.why === 'untouched';
      if (isUntouched) memory.untouched.set(place, `${before} ${head.commit}`);
    }
    return decision;
  }

  async #ask(head: Head, build: Build, last: string | null): Promise<void> {
    const { bus, ledger, prefix, clock } = this.#parts;
    let action: Action = 'would_ask';
    if (!this.#pass.dryRun) {
      // Its push may have come meanwhile.
      await ledger.caughtUp();
      if (ledger.build(build.id) !== null) return;
      const id = messageId(build.id, CATALOG[REQUEST].topic, build.attempt);
      const containers = [build.component];
      await bus.publish(compose({ prefix, name: REQUEST, id, body: { build }, containers, now: clock.now() }));
      action = 'asked';
    }
    this.#asked.add(build.id);
    const { component, target } = build;
    this.#pass.onFinding({ kind: 'head', action, build: build.id, component, target, ...head, last });
  }
}

/** What `decideHead` needs of the log: a build of the commit, else the branch's last one. */
function knownFor(ledger: Ledger, build: Build, { ref, commit }: Head): readonly KnownBuild[] {
  const { component, target } = build;
  const own = ledger.build(build.id);
  if (own !== null) return [own];
  const ofCommit = ledger.builds({ component, target, kind: 'official', commit, limit: 1 });
  if (ofCommit.length > 0) return ofCommit;
  for (const limit of [FIRST_LOOK, LOOK_BACK]) {
    const rows = officialBuilds(ledger, build, limit);
    if (rows.length < limit || rows.some(({ source }) => source.branch === ref)) return rows;
  }
  return [];
}

/** The host of a clone URL; a local folder is a place of its own. */
function hostOf(url: string): string {
  const host = URL.canParse(url) ? new URL(url).host : '';
  return host === '' ? url : host;
}
