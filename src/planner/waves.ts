import { derivedId, messageId } from '../kernel/ids.js';
import { CATALOG, compose, type Message } from '../messages/index.js';
import {
  type Ask,
  buildOfRebuild,
  type Closing,
  type Graph,
  keyOf,
  type Opening,
  type Outside,
  Picture,
  type Sighting,
  type Stop,
  WavePlanner,
} from '../rebuilds/index.js';
import type { WorkerParts } from './parts.js';

/**
 * Milliseconds after which the log is asked anew which waves are open. Only the active planner opens any, so it knows; but the last
 * word of the one before it may come late. Until it is read, the same would be said again, which counts once.
 */
const WAVES_MS = 1_000;

/** Opens waves, asks for their rebuilds and closes them. It acts on nothing but what the log has; made anew with each claim. */
export class Waves {
  readonly #parts: WorkerParts;
  readonly #planner: WavePlanner;
  #picture: Picture | null = null;
  #cycles: Graph['cycles'] = [];
  #toldCycles = '';
  /** Until when the open waves that were read hold; by the monotonic clock. */
  #wavesUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#planner = new WavePlanner(parts.settings);
  }

  close(): void {
    this.#picture?.close();
  }

  /** Who stands on whom, by what the ledger has. Throws what the ledger throws. */
  graph(): Graph {
    return this.#drawn().graph();
  }

  /** What something stands on and no build of ours makes. Throws what the ledger throws. */
  outside(): ReadonlyMap<string, Outside> {
    return this.#drawn().outside();
  }

  /** Place on the log of the last end of a build that is known. */
  lastSeq(): number {
    return this.#drawn().lastSeq;
  }

  /** What a registry says of a name that no build of ours makes; null: that it has no such image. */
  see(name: string, sighting: Sighting | null): void {
    this.#drawn().see(name, sighting);
  }

  #drawn(): Picture {
    const { ledger, isOut, scheduleMs } = this.#parts;
    this.#picture ??= new Picture(ledger, { isOut, scheduleMs });
    return this.#picture;
  }

  /** Resolves with the milliseconds until there may be more to do by itself; null: nothing waits. Throws what bus and ledger throw. */
  async look(stop: AbortSignal): Promise<number | null> {
    const { ledger, clock } = this.#parts;
    await ledger.caughtUp();
    const now = { wall: clock.now().getTime(), monotonic: clock.monotonic() };
    const wavesMoved = now.monotonic >= this.#wavesUntil;
    if (wavesMoved) this.#wavesUntil = now.monotonic + WAVES_MS;
    const { view, changed } = this.#drawn().look(wavesMoved);
    const plan = this.#planner.plan(view, changed, now);
    this.#tellCycles(view.graph.cycles);
    const works = [
      ...plan.stops.map((each) => () => this.#stop(each)),
      ...plan.asks.map((each) => () => this.#ask(each)),
      ...plan.closings.map((each) => () => this.#close(each)),
      ...plan.openings.map((each) => () => this.#open(each)),
    ];
    for (const work of works) {
      if (stop.aborted) return null;
      await work();
    }
    if (plan.openings.length + plan.closings.length > 0) this.#wavesUntil = Number.NEGATIVE_INFINITY;
    // What was just said has to be read back before anything follows from it.
    return works.length > 0 ? 0 : plan.waitMs;
  }

  async #open(opening: Opening): Promise<void> {
    const { wave, changes, outside = [], due = [], members } = opening;
    const changed = [...changes.map(({ nvr, build }) => nvr ?? build), ...outside.map(({ name }) => name)];
    const told = { wave: wave.id, changes: changed, due: due.length, members: members.length };
    this.#parts.log.info(told, 'a wave of rebuilds is opened');
    const id = derivedId('message', wave.id, 'opened');
    await this.#publish('wave.opened.v1', id, { ...opening, process: this.#parts.process });
  }

  async #close({ wave: { id, message, rebuild }, results }: Closing): Promise<void> {
    this.#parts.log.info({ wave: id, members: results.length }, 'a wave of rebuilds is over');
    const body = { wave: { id, message, rebuild }, results, process: this.#parts.process };
    await this.#publish('wave.closed.v1', derivedId('message', id, 'closed'), body);
  }

  async #ask({ wave, rebuild }: Ask): Promise<void> {
    const build = buildOfRebuild(wave.id, wave.openedBy, rebuild);
    this.#parts.log.info({ wave: wave.id, member: keyOf(build), build: build.id }, 'a rebuild is asked for');
    const id = messageId(build.id, CATALOG['build.requested.cascade.v1'].topic, 1);
    await this.#publish('build.requested.cascade.v1', id, { build }, build.component);
  }

  async #stop({ wave, rebuild, through }: Stop): Promise<void> {
    const build = buildOfRebuild(wave.id, wave.openedBy, rebuild);
    const [which, were] = through.length === 1 ? ['parent', 'was'] : ['parents', 'were'];
    const message = `It is not rebuilt: its ${which} ${through.join(', ')} ${were} not rebuilt either, or failed.`;
    const reason = { code: 'parent_failed', message: message.slice(0, 2_000) };
    const id = messageId(build.id, CATALOG['build.skipped.v1'].topic, 1);
    await this.#publish('build.skipped.v1', id, { build, reason, waiting_for: [] }, build.component);
  }

  async #publish<Name extends Parameters<typeof compose>[0]['name']>(
    name: Name,
    id: string,
    body: Parameters<typeof compose<Name>>[0]['body'],
    component?: string,
  ): Promise<Message> {
    const { bus, prefix, clock } = this.#parts;
    const containers = component === undefined ? [] : [component];
    const message = compose({ prefix, name, id, body, containers, now: clock.now() });
    await bus.publish(message);
    return message;
  }

  /** Once for what is new. */
  #tellCycles(cycles: Graph['cycles']): void {
    if (cycles === this.#cycles) return;
    this.#cycles = cycles;
    const told = JSON.stringify(cycles);
    if (told !== this.#toldCycles && cycles.length > 0)
      this.#parts.log.warn(
        { cycles },
        'images stand on themselves: no order has them right, they are left out of waves',
      );
    this.#toldCycles = told;
  }
}
