import { failure } from '../kernel/failure.js';
import { endMessageId } from '../kernel/ids.js';
import type { BuildRow } from '../ledger/index.js';
import { compose } from '../messages/index.js';
import { buildOf, requestOf } from '../rebuilds/index.js';
import {
  type Asked,
  isAbandoned,
  look,
  type Memory,
  NOTHING_SEEN,
  type Now,
  type Observation,
  type Remedy,
  remedy,
  suspectedAs,
} from './decide/sweep.js';
import type { WorkerParts } from './parts.js';

/** Groups that take requests. A build that waits in one of them is not forgotten. */
const LANES = ['builder', 'builder.cascade'] as const;

/** Builds of each state that one look considers, the newest; the others have their turn when these have ended. */
const MAX_LOOKED_AT = 1_000;

const STEP = 'sweep';

/** Finds builds that nobody works on and has them begun again. Remembers from look to look; made anew with each claim. */
export class Sweeper {
  readonly #parts: WorkerParts;
  readonly #asked = new Map<string, Asked & { readonly as: string }>();
  #memory: Memory = NOTHING_SEEN;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  /** Throws what bus and ledger throw; then nothing is remembered of this look. */
  async look(stop: AbortSignal): Promise<void> {
    const { bus, ledger, clock, settings } = this.#parts;
    const term = bus.term();
    await ledger.caughtUp();
    const lanesEmpty = await this.#lanesEmpty();
    const started = ledger.builds({ states: ['started'], limit: MAX_LOOKED_AT });
    // While requests wait, one that was lost can't be told from one that waits.
    const requested = lanesEmpty ? ledger.builds({ states: ['requested'], limit: MAX_LOOKED_AT }) : [];
    const rows = [...started, ...requested];
    const observations: Observation[] = [];
    for (const row of rows) observations.push({ row, lanesEmpty, free: await this.#isFree(row) });
    const seen = look(this.#memory, { observations, term, now: clock.monotonic() }, settings);
    this.#memory = seen.memory;
    if (lanesEmpty) this.#forget(requested);
    for (const row of seen.due) {
      if (stop.aborted) return;
      await this.#attend(row, term);
    }
  }

  async #lanesEmpty(): Promise<boolean> {
    for (const lane of LANES) if ((await this.#parts.bus.waiting(lane)) > 0) return false;
    return true;
  }

  /** Only the build's own claim counts: a process may live on after it left a build to others, its bus being away. */
  async #isFree({ id }: BuildRow): Promise<boolean> {
    return (await this.#parts.bus.holder(`build.${id}`)) === null;
  }

  /** The last look: caught up, over the same connection, with the same eyes. */
  async #attend(suspect: BuildRow, term: number): Promise<void> {
    const { bus, ledger, clock, settings, log } = this.#parts;
    await ledger.caughtUp();
    const row = ledger.build(suspect.id);
    if (row === null || suspectedAs(row) !== suspectedAs(suspect)) return;
    const observation = { row, lanesEmpty: await this.#lanesEmpty(), free: await this.#isFree(row) };
    if (!isAbandoned(observation) || bus.term() !== term) return;
    const now = { wall: clock.now().getTime(), monotonic: clock.monotonic() };
    const before = this.#asked.get(row.id) ?? null;
    const since = this.#memory.suspects.get(row.id)?.since ?? now.monotonic;
    const what = remedy(row, before?.as === suspectedAs(row) ? before : null, since, now, settings);
    if (what.kind === 'wait') return;
    log.warn({ build: row.id, process: row.process?.id, ...what }, 'a build that nobody works on is taken care of');
    if (what.kind === 'give_up') await this.#giveUp(row, what.message);
    else await this.#ask(row, what, now);
  }

  async #ask(row: BuildRow, what: Remedy & { kind: 'ask' | 'ask_again' }, now: Now): Promise<void> {
    // Its copy may be inside the broker's window: acknowledged, and never begun.
    const again = `${STEP} ${now.wall}`;
    await this.#parts.bus.publish(requestOf(row, what.attempt, this.#parts), { again });
    if (what.kind === 'ask_again') {
      const times = (this.#asked.get(row.id)?.times ?? 0) + 1;
      this.#asked.set(row.id, { times, at: now.monotonic, as: suspectedAs(row) });
    }
  }

  /** An end must not be wrong: claim, catch up, then look. */
  async #giveUp(row: BuildRow, message: string): Promise<void> {
    const { bus, ledger, prefix, process, clock } = this.#parts;
    const claim = await bus.claim(`build.${row.id}`, process.id);
    if (claim === null) return;
    try {
      await ledger.caughtUp();
      const last = ledger.build(row.id);
      if (last === null || suspectedAs(last) !== suspectedAs(row) || !(await claim.verify())) return;
      const body = {
        build: buildOf(last),
        failure: failure('too_many_attempts', STEP, message),
        parents: [],
        timings: null,
        log: null,
        process,
      };
      const id = endMessageId(last.id);
      const containers = [last.component];
      await bus.publish(compose({ prefix, name: 'build.failed.v1', id, body, containers, now: clock.now() }));
    } finally {
      await claim.release();
    }
  }

  /** What is no longer only asked for needs no patience any more. */
  #forget(rows: readonly BuildRow[]): void {
    const asItIs = new Map(rows.map((row) => [row.id, suspectedAs(row)]));
    for (const [id, { as }] of this.#asked) if (asItIs.get(id) !== as) this.#asked.delete(id);
  }
}
