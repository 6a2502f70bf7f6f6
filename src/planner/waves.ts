import { derivedId, messageId } from '../kernel/ids.js';
import { CATALOG, compose, type Message } from '../messages/index.js';
import {
  type Ask,
  buildOfRebuild,
  type Closing,
  keyOf,
  type Opening,
  Picture,
  planWaves,
  type Stop,
} from '../rebuilds/index.js';
import type { WorkerParts } from './parts.js';

/** Opens waves, asks for their rebuilds and closes them. It acts on nothing but what the log has; made anew with each claim. */
export class Waves {
  readonly #parts: WorkerParts;
  #picture: Picture | null = null;
  #seen: ReadonlyMap<string, number> = new Map();
  #cycles = '';

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  close(): void {
    this.#picture?.close();
  }

  /** Resolves with the milliseconds until there may be more to do by itself; null: nothing waits. Throws what bus and ledger throw. */
  async look(stop: AbortSignal): Promise<number | null> {
    const { ledger, clock, settings, isOut } = this.#parts;
    await ledger.caughtUp();
    this.#picture ??= new Picture(ledger, isOut);
    const view = this.#picture.view();
    const now = { wall: clock.now().getTime(), monotonic: clock.monotonic() };
    const plan = planWaves(view, this.#seen, now, settings);
    this.#seen = plan.seen;
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
    // What was just said has to be read back before anything follows from it.
    return works.length > 0 ? 0 : plan.waitMs;
  }

  async #open({ wave, ...body }: Opening): Promise<void> {
    const id = derivedId('wave', wave.message, wave.rebuild);
    const { process } = this.#parts;
    const changes = body.changes.map(({ nvr, build }) => nvr ?? build);
    this.#parts.log.info({ wave: id, changes, members: body.members.length }, 'a wave of rebuilds is opened');
    await this.#publish('wave.opened.v1', derivedId('message', id, 'opened'), {
      wave: { id, ...wave },
      ...body,
      process,
    });
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
  #tellCycles(cycles: readonly (readonly string[])[]): void {
    const told = JSON.stringify(cycles);
    if (told !== this.#cycles && cycles.length > 0)
      this.#parts.log.warn(
        { cycles },
        'images stand on themselves: no order has them right, they are left out of waves',
      );
    this.#cycles = told;
  }
}
