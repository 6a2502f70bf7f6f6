/**
 * What a replay sends and what not, and why: a pure function of the messages in their order, the ledger as it stands at
 * the start, and what the trigger would decide. The plan is whole before the first message is sent, so that what
 * `--dry-run` prints is what is then done.
 */
import type { Build } from '../../messages/index.js';
import type { Duel, Found, LedgerView, Verdict } from '../ports.js';
import type { PlanSettings } from '../settings.js';
import { type Entry, entryOf, type PlannedBuild, plannedBuild, type Taken } from './entry.js';
import { forcedBuild } from './forced.js';
import type { Reading } from './reading.js';
import { type Draft, settleRivals } from './rivals.js';
import { isSelected } from './selection.js';
import { standsInTheWay, type Why } from './standing.js';

/** Makes the plan, message by message; `settle` ends it. */
export class Plan {
  readonly #settings: PlanSettings;
  readonly #ledger: LedgerView;
  readonly #entries: Entry[] = [];
  /** Id and topic of what was seen, copies of an earlier replay included: a log holds both. */
  readonly #seen = new Set<string>();
  /** Build → the message of this replay that asks for it. */
  readonly #asked = new Map<string, string>();
  readonly #drafts: Draft[] = [];
  /** Messages of which only a count is kept: what they tell → how many. */
  readonly #told = new Map<string, number>();
  #sends = 0;
  #isPast: boolean;

  constructor(settings: PlanSettings, ledger: LedgerView) {
    this.#settings = settings;
    this.#ledger = ledger;
    this.#isPast = settings.select.after === null;
  }

  /** In the order of the source. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** What was met and is never sent, by what it is. */
  get told(): ReadonlyMap<string, number> {
    return this.#told;
  }

  /** Whether the message that `--after` names has been met. */
  get isPast(): boolean {
    return this.#isPast;
  }

  /** True once as many messages are to be sent as may be: what comes later is not looked at. */
  get isFull(): boolean {
    return this.#settings.limit !== null && this.#sends >= this.#settings.limit;
  }

  /** Whether a message is worth reading: it is selected as far as its outside tells, and was not met before. */
  meets({ message, line }: Found): boolean {
    const { after, topic, id } = this.#settings.select;
    const key = `${message.topic} ${message.id}`;
    const isNew = !this.#seen.has(key);
    this.#seen.add(key);
    if (!this.#isPast) {
      this.#isPast = after !== null && ('id' in after ? after.id === message.id : after.line === line);
      return false;
    }
    if ((topic !== null && !topic(message.topic)) || (id !== null && id !== message.id)) return false;
    if (!isNew) this.#count('a copy of a message that was met before');
    return isNew;
  }

  /** Decides on a message that `meets`; null when nothing but a count is kept of it. */
  take(found: Found, reading: Reading): Taken | null {
    if (!isSelected(reading, this.#settings.select, this.#ledger)) return null;
    if (reading.kind === 'told') {
      this.#count(`${reading.what}: tells what was done`);
      return null;
    }
    const taken = this.#decide(found, reading);
    this.#entries.push(taken.entry);
    if (taken.entry.action !== 'none') this.#sends += 1;
    return taken;
  }

  /**
   * Of the builds of one branch only those are asked for that no newer commit's build stands in for: what builders would
   * call off is not begun. Asks which of two commits is newer; the answers are sent in.
   */
  *settle(): Generator<Duel, void, Verdict> {
    if (!this.#settings.supersede || this.#settings.force) return;
    const losers = yield* settleRivals(this.#drafts, this.#ledger);
    for (const [draft, why] of losers) this.#withdraw(draft, why);
  }

  #decide(found: Found, reading: Exclude<Reading, { readonly kind: 'told' }>): Taken {
    const whole = (action: Entry['action'], why: Why): Taken => ({
      entry: entryOf(found, { action, why, builds: [] }),
      asks: [],
    });
    switch (reading.kind) {
      case 'invalid':
        return whole('none', { code: 'invalid', reason: `ours by its topic, but ${reading.reason}` });
      case 'foreign':
        return this.#settings.foreign
          ? whole('copy', { code: 'foreign', reason: `${reading.reason}; sent as asked` })
          : whole('none', { code: 'foreign', reason: `${reading.reason}; --foreign sends it` });
      case 'command':
        return this.#command(reading.build, whole);
      case 'request':
        return this.#builds(found, [reading.build], [], reading.build.attempt);
      case 'push': {
        const { foreseen } = reading;
        if (foreseen.kind === 'refused') return whole('none', { code: foreseen.code, reason: foreseen.reason });
        const refused = foreseen.refused.map((each) => ({ ...each, build: null, will: false }));
        return this.#builds(found, foreseen.builds, refused, null, foreseen.unsure);
      }
    }
  }

  #command(build: string, whole: (action: Entry['action'], why: Why) => Taken): Taken {
    if (!this.#settings.force) return whole('none', { code: 'command', reason: 'a command; --force sends it' });
    const row = this.#ledger.build(build);
    return row?.ended
      ? whole('none', { code: row.state, reason: `a command to ${row.nvr ?? row.id}, which has ended` })
      : whole('copy', { code: 'command', reason: `calls off ${row?.nvr ?? build}` });
  }

  #builds(
    found: Found,
    wanted: readonly Build[],
    refused: readonly PlannedBuild[],
    attempt: number | null,
    unsure: string | null = null,
  ): Taken {
    const asks: Build[] = [];
    const builds = wanted.map((build): PlannedBuild => {
      const why = this.#whyNot(build, attempt);
      if (why !== null) return plannedBuild(build, false, why);
      this.#asked.set(build.id, found.message.id);
      const made = this.#settings.force ? forcedBuild(build, this.#settings) : build;
      if (this.#settings.force) asks.push(made);
      return plannedBuild(made, true, this.#whyYes(build, unsure));
    });
    const will = builds.some((build) => build.will);
    const action = !will ? 'none' : this.#settings.force ? 'ask' : 'copy';
    const entry = entryOf(found, { action, why: null, builds: [...builds, ...refused] });
    if (action === 'copy') this.#draft(wanted, builds);
    return { entry, asks };
  }

  #whyNot(build: Build, attempt: number | null): Why | null {
    const { force, select } = this.#settings;
    const by = this.#asked.get(build.id);
    if (by !== undefined) return { code: 'repeated', reason: `the message ${by} of this replay asks for it` };
    if (!force) return standsInTheWay(this.#ledger.build(build.id), attempt);
    if (select.component !== null && select.component !== build.component) {
      return { code: 'not_selected', reason: `only ${select.component} is replayed` };
    }
    if (build.kind !== 'isolated') return null;
    return {
      code: 'isolated',
      reason: 'an isolated build has its release once; `layerwright build --isolated` takes another',
    };
  }

  #whyYes(build: Build, unsure: string | null): Why {
    if (this.#settings.force) return { code: 'forced', reason: 'built anew' };
    const known = this.#ledger.build(build.id);
    if (known !== null && known.state === 'requested') {
      return { code: 'delivered_again', reason: 'asked for and not begun: the request is delivered once more' };
    }
    return { code: 'new', reason: unsure === null ? 'not known yet' : `not known yet; ${unsure}` };
  }

  #draft(wanted: readonly Build[], builds: readonly PlannedBuild[]): void {
    const index = this.#entries.length;
    for (const [at, build] of wanted.entries()) {
      const { type } = build.cause;
      const rivals = build.kind === 'official' && (type === 'push' || type === 'reconcile');
      if (rivals && builds[at]?.will) this.#drafts.push({ index, build });
    }
  }

  #withdraw({ index, build }: Draft, why: Why): void {
    const entry = this.#entries[index];
    if (entry === undefined) return;
    const builds = entry.builds.map((each) => (each.build === build.id ? { ...each, will: false, ...why } : each));
    this.#entries[index] = { ...entry, builds, action: builds.some(({ will }) => will) ? 'copy' : 'none' };
  }

  #count(what: string): void {
    this.#told.set(what, (this.#told.get(what) ?? 0) + 1);
  }
}
