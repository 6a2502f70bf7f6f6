/** A log that tells of builds and waves, and the questions that `why` answers from it. */
import { derivedId } from '../../src/kernel/ids.js';
import { type Ledger, openLedger } from '../../src/ledger/index.js';
import type { Build, Message, MessageBodies } from '../../src/messages/index.js';
import { buildOfRebuild, readAround, rebuildOf } from '../../src/rebuilds/index.js';
import { withReleasers } from '../../src/runtime/releasers.js';
import { explain, type Reason, type WhyParts } from '../../src/why/index.js';
import { type FakeBus, fakeBus } from './fake-bus.js';
import {
  type BuildParts,
  completed,
  PREFIX,
  requested,
  requestedCascade,
  sampleBuild,
  sampleCommit,
  sampleDigest,
  sampleImage,
  sampleWave,
  waveOpened,
  withNvr,
} from './samples.js';

const BEGAN = Date.UTC(2026, 10, 29, 9);
const STEP_MS = 1_000;
const HOST = 'candidate.example.org';

type Changes = MessageBodies['wave.opened.v1']['changes'];

export interface Made {
  readonly build: Build;
  readonly digest: string;
  /** Id of the message that told of its end. */
  readonly end: string;
}

/** One second passes with each message. */
export class WhyWorld {
  readonly bus: FakeBus;
  readonly ledger: Ledger;
  #time = BEGAN;
  #release = 0;
  /** What each component was made as last. */
  readonly last = new Map<string, Made>();

  private constructor(bus: FakeBus, ledger: Ledger, tick: { next: () => Date }) {
    this.bus = bus;
    this.ledger = ledger;
    tick.next = () => {
      this.#time += STEP_MS;
      return new Date(this.#time);
    };
  }

  /** Runs `body` in a world of its own. */
  static in(body: (world: WhyWorld) => Promise<void>): () => Promise<void> {
    return () =>
      withReleasers(async (releasers) => {
        const tick = { next: () => new Date(BEGAN) };
        const bus = fakeBus({ git: ['#.git.receive'], now: () => tick.next() });
        releasers.push('the bus', () => bus.close());
        const ledger = await openLedger({ bus, prefix: PREFIX, path: null });
        releasers.push('the ledger', () => ledger.close());
        await body(new WhyWorld(bus, ledger, tick));
      });
  }

  /** The time by the world's clock; it stands still. */
  get now(): Date {
    return new Date(this.#time);
  }

  pass(ms: number): void {
    this.#time += ms;
  }

  async say(...messages: readonly Message[]): Promise<void> {
    for (const message of messages) await this.bus.publish(message);
  }

  /** A commit of a component, its build not yet asked for. */
  pushed(component: string, parts: BuildParts = {}): Build {
    this.#release += 1;
    const commit = sampleCommit(`${component} ${this.#release}`);
    return sampleBuild({
      component,
      source: { commit },
      ...parts,
      cause: { message: `push-${component}-${this.#release}`, ...parts.cause },
    });
  }

  /** A build that completes on what other components are now. `content`: an identity of what it holds. */
  async make(
    component: string,
    on: readonly string[] = [],
    parts: BuildParts = {},
    content: string | null = null,
  ): Promise<Made> {
    const build = this.pushed(component, parts);
    await this.say(build.cause.wave === null ? requested(build) : requestedCascade(build));
    return this.finish(build, on, content);
  }

  async finish(asked: Build, on: readonly string[], content: string | null = null): Promise<Made> {
    this.#release += 1;
    const build = withNvr(asked, '1', `${this.#release}.f41`);
    const image = { ...sampleImage(build), content: content === null ? null : sampleDigest(content) };
    const end = completed(build, { image, parents: on.map((name) => this.parent(name)) });
    await this.say(end);
    const made = { build, digest: image.digest, end: end.id };
    this.last.set(asked.component, made);
    return made;
  }

  /** What a Dockerfile gets for a component now. */
  parent(component: string): MessageBodies['build.completed.v1']['parents'][number] {
    const made = this.last.get(component);
    return {
      written: `registry.example.org/f41/${component}:latest`,
      resolved: nameOf(component),
      digest: made?.digest ?? sampleDigest(component),
      build: made?.build.id ?? null,
    };
  }

  /** Opens a wave as something has changed; its id. */
  async wave(changed: string, members: string[]): Promise<MessageBodies['wave.opened.v1']['wave']> {
    const made = this.last.get(changed);
    const wave = sampleWave(made?.end ?? changed);
    const changes: Changes =
      made === undefined
        ? []
        : [
            {
              component: changed,
              target: 'f41',
              build: made.build.id,
              nvr: made.build.nvr,
              digest: made.digest,
              message: made.end,
            },
          ];
    await this.say(
      waveOpened(
        members.map((name) => `f41/${name}`),
        wave,
        { changes },
      ),
    );
    return wave;
  }

  /** A member's rebuild on what its parents are now, as the planner asks for it; not yet asked for. */
  async rebuild(component: string, wave: string): Promise<Build> {
    await this.ledger.caughtUp();
    const node = readAround(this.ledger, { component, target: 'f41' }, 1).graph.nodes.get(`f41/${component}`);
    const rebuild = node === undefined ? null : rebuildOf(node);
    if (rebuild === null) throw new Error(`${component} is up to date`);
    return buildOfRebuild(wave, derivedId('message', wave, 'opened'), rebuild);
  }

  async rebuilt(component: string, wave: string, on: readonly string[]): Promise<Made> {
    const build = await this.rebuild(component, wave);
    await this.say(requestedCascade(build));
    return this.finish(build, on);
  }

  async ask(text: string, parts: Partial<WhyParts> & { readonly target?: string } = {}): Promise<readonly Reason[]> {
    await this.ledger.caughtUp();
    const { target = null, ...more } = parts;
    const answers = await explain(text, target, {
      ledger: this.ledger,
      logs: {
        push: async () => null,
        dead: async () => null,
        foresee: async () => ({ kind: 'refused', refusal: { code: 'not_a_push', reason: 'no push' } }),
      },
      settings: { quietMs: 10_000, deadlineMs: 300_000 },
      targets: ['f41'],
      hosts: [HOST],
      isOut: () => false,
      now: this.now,
      ...more,
    });
    return answers.reasons;
  }
}

function nameOf(component: string): string {
  return `${HOST}/f41/${component}:latest`;
}

/** All sentences of an answer, those below with two more spaces each. */
export function linesOf(reasons: readonly Reason[], depth = 0): readonly string[] {
  return reasons.flatMap(({ text, code, because }) => [
    `${'  '.repeat(depth)}${text}${code === null ? '' : ` [${code}]`}`,
    ...linesOf(because, depth + 1),
  ]);
}

/** All ids that an answer names. */
export function idsOf(reasons: readonly Reason[]): readonly string[] {
  return reasons.flatMap(({ ids, because }) => [...Object.values(ids), ...idsOf(because)]);
}
