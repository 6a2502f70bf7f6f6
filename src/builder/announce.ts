import type { Bus } from '../bus/index.js';
import { endMessageId, messageId } from '../kernel/ids.js';
import {
  type Build,
  type BuildCanceledV1,
  CATALOG,
  type Composed,
  compose,
  type Failure,
  type Image,
  type MessageName,
  type Parent,
  type Timings,
} from '../messages/index.js';
import type { Clock } from '../runtime/clock.js';
import type { BuilderSettings } from './settings.js';

/** What the ends of a build say beside the build itself. */
export interface EndFacts {
  readonly parents: readonly Parent[];
  readonly timings: Timings | null;
  readonly log: string | null;
}

/** Of a build that ended before it began. */
export const NO_FACTS: EndFacts = { parents: [], timings: null, log: null };

/** Publishes what the builder has to say. Every method resolves when the bus has stored the message. */
export class Announcer {
  readonly #bus: Bus;
  readonly #settings: Pick<BuilderSettings, 'prefix' | 'process'>;
  readonly #clock: Clock;

  constructor(bus: Bus, settings: Pick<BuilderSettings, 'prefix' | 'process'>, clock: Clock) {
    this.#bus = bus;
    this.#settings = settings;
    this.#clock = clock;
  }

  async started(build: Build, traceparent: string | null): Promise<void> {
    const body = { build, process: this.#settings.process };
    await this.#publish('build.started.v1', idOf(build, 'build.started.v1'), body, build, traceparent);
  }

  async completed(build: Build, traceparent: string | null, image: Image, facts: EndFacts): Promise<void> {
    const body = { build, image, ...facts, parents: [...facts.parents], process: this.#settings.process };
    await this.#publish('build.completed.v1', endMessageId(build.id), body, build, traceparent);
  }

  async failed(build: Build, traceparent: string | null, failure: Failure, facts: EndFacts): Promise<void> {
    const body = { build, failure, ...facts, parents: [...facts.parents], process: this.#settings.process };
    await this.#publish('build.failed.v1', endMessageId(build.id), body, build, traceparent);
  }

  /** `superseded` is no end: its id has the attempt, and a later attempt may run. */
  async canceled(
    build: Build,
    traceparent: string | null,
    reason: BuildCanceledV1['reason'],
    successor: string | null,
  ): Promise<void> {
    const id = reason.code === 'superseded' ? idOf(build, 'build.canceled.v1') : endMessageId(build.id);
    const body = { build, reason, successor, process: this.#settings.process };
    await this.#publish('build.canceled.v1', id, body, build, traceparent);
  }

  async skipped(
    build: Build,
    traceparent: string | null,
    reason: { code: string; message: string },
    waitingFor: readonly string[],
  ): Promise<void> {
    const body = { build, reason, waiting_for: [...waitingFor] };
    await this.#publish('build.skipped.v1', idOf(build, 'build.skipped.v1'), body, build, traceparent);
  }

  /** Asks for the next attempt, for another process to take up at once (docs/decisions/0003). */
  async handBack(build: Build, traceparent: string | null, cascade: boolean): Promise<void> {
    const name = cascade ? 'build.requested.cascade.v1' : 'build.requested.v1';
    const next = { ...build, attempt: build.attempt + 1 };
    await this.#publish(name, idOf(next, name), { build: next }, next, traceparent);
  }

  /** Live lines; nobody waits for them, and none is kept. */
  output(build: Build, first: number, lines: readonly string[], onError: (error: unknown) => void): void {
    const body = { build: build.id, attempt: build.attempt, first, lines: [...lines] };
    const id = messageId(build.id, `${CATALOG['build.output.v1'].topic}:${first}`, build.attempt);
    this.#publish('build.output.v1', id, body, build, null).catch(onError);
  }

  async #publish<Name extends MessageName>(
    name: Name,
    id: string,
    body: Composed<Name>['body'],
    build: Build,
    traceparent: string | null,
  ): Promise<void> {
    const message = compose({
      prefix: this.#settings.prefix,
      name,
      id,
      body,
      now: this.#clock.now(),
      containers: [build.component],
      traceparent,
    });
    await this.#bus.publish(message);
  }
}

function idOf(build: Build, name: MessageName): string {
  return messageId(build.id, CATALOG[name].topic, build.attempt);
}
