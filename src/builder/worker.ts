/** Takes requests, and sees each build through to its one end (design, section 6). */
import type { Claim, DeadReason, Delivery, Verdict } from '../bus/index.js';
import { failure } from '../kernel/failure.js';
import { isOwnPartAway, ServiceError, toError } from '../kernel/service-error.js';
import type { Message, Parent } from '../messages/index.js';
import { buildLogger, type Logger } from '../observability/index.js';
import { withFirst } from '../runtime/signals.js';
import { Announcer, NO_FACTS } from './announce.js';
import { type Begun, begin } from './begin.js';
import { carry } from './carry.js';
import { coalesces } from './coalesce.js';
import { comesAgainAt, type Lane } from './decide/fair.js';
import { DependencyWatch, dependenciesOf } from './dependencies.js';
import { EnginePool } from './engine-pool.js';
import type { EngineSlot } from './engine-room.js';
import { Interruption, type Job, type Place } from './job.js';
import { Lanes } from './lanes.js';
import { cleanAfter } from './leftovers.js';
import type { BuilderParts } from './parts.js';
import { placeOf } from './place.js';
import type { LogDestination } from './ports.js';
import { NO_LOG, putRight } from './put-right.js';
import { type Requested, readRequest } from './request.js';
import { type Running, RunningBuilds } from './running.js';
import type { BuilderSettings } from './settings.js';
import { SourceWaits } from './source-waits.js';
import { Stopwatch } from './stopwatch.js';
import { tellEnd } from './tell-end.js';

/** Milliseconds that a message waits in hand for a slot that another one got, or for room in its target. */
const SLOT_WAIT_MS = 10_000;
/** Milliseconds until a message comes again that could not be looked at. */
const LOOK_AGAIN_MS = 2_000;
/** Milliseconds added to `limits.time` for all that is not the engine's step. */
const GRACE_MS = 600_000;
/** An engine that answers and can't clean after an ended build must not cost a slot: the next build and the keeper clean too. */
const CLEANING_TRIES = 2;

export class BuilderWorker {
  readonly #settings: BuilderSettings;
  readonly #parts: BuilderParts;
  readonly #announcer: Announcer;
  readonly #pool: EnginePool;
  readonly #running: RunningBuilds;
  readonly dependencies: DependencyWatch;
  readonly sources: SourceWaits;
  readonly #stopping = new AbortController();
  /** Work that goes on, with a slot or without one any more. */
  readonly #works = new Set<Promise<void>>();
  readonly #lanes: Lanes;
  /** By target: when a request of it comes again that was sent away last. */
  readonly #sentAway = new Map<string, number>();
  #process: Claim | null = null;

  constructor(settings: BuilderSettings, parts: BuilderParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#announcer = new Announcer(parts.bus, settings, parts.clock);
    this.#pool = new EnginePool(parts.engines, limitsOf(settings));
    this.#lanes = new Lanes(parts.bus, this.#pool, {
      handle: (delivery, lane) => this.#handle(delivery, lane),
      onDead: (message, why) => this.#onDead(message, why),
      onFault: (thrown) => parts.log.error({ err: toError(thrown) }, 'a lane could not be turned'),
    });
    this.#running = new RunningBuilds(parts.ledger);
    this.sources = new SourceWaits(parts.clock, settings.sourcePatienceMs);
    this.dependencies = new DependencyWatch(dependenciesOf(parts), (ready) => this.#onReadiness(ready));
  }

  get busy(): number {
    return this.#running.size;
  }

  /** Looks at the dependencies, then takes requests; while one is away, none are taken. */
  async start(): Promise<void> {
    const { bus } = this.#parts;
    // Says that this process lives. It is not what a build hangs on: each has a claim of its own.
    this.#process = await bus.claim(`process.${this.#settings.process.id}`, this.#settings.process.host);
    await this.dependencies.start();
    await this.#lanes.open();
    this.#onReadiness(this.dependencies.ok);
  }

  /** Takes no more; hands back what is not past the commit point, finishes what is. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#lanes.shut();
    this.#running.shutDown();
    await this.#lanes.stop();
    await Promise.all(this.#works);
    await this.dependencies.stop();
    await this.#process?.release();
  }

  #onReadiness(ready: boolean): void {
    const states = this.dependencies.states().filter(({ ok }) => !ok);
    if (ready) this.#parts.log.info({}, 'ready to build');
    else this.#parts.log.warn({ away: states }, 'not ready to build; requests wait');
    this.#lanes.ready(ready && !this.#stopping.signal.aborted);
  }

  async #handle(delivery: Delivery, lane: Lane): Promise<Verdict> {
    const requested = readRequest(this.#settings.prefix, delivery.message);
    if ('kind' in requested) return requested;
    const log = buildLogger(this.#parts.log, requested.build.id, requested.traceparent);
    const place = placeOf(this.#settings, this.#parts.registries, requested.build);
    if (place === null) return this.#refuseTarget(requested);
    const { component, target } = requested.build;
    let slot: EngineSlot | null = null;
    try {
      const before = await coalesces(this.#settings, this.#parts, requested.build);
      if (before !== null) return before;
      const given = await withFirst([delivery.signal], SLOT_WAIT_MS, (signal) =>
        this.#pool.acquire({ lane, target, component }, signal),
      );
      if (given === 'target_full') return this.#sendAway(target);
      if (given === null) return { kind: 'retry', after: 0, uncounted: true, reason: 'no slot is free' };
      slot = given;
      const input = {
        place,
        platform: slot.platform,
        traceparent: requested.traceparent,
        retries: delivery.retries,
        signal: delivery.signal,
        log,
      };
      const begun = await begin(this.#settings, this.#parts, this.#announcer, this.sources, input);
      if (begun.kind !== 'begun') {
        slot.release();
        return begun;
      }
      return {
        kind: 'ack',
        work: async () => {
          const work = this.#work(place, begun, requested, given, lane, log).finally(() => this.#works.delete(work));
          this.#works.add(work);
        },
      };
    } catch (thrown) {
      slot?.release();
      const error = toError(thrown);
      // Of our own parts being away no build is at fault, however they say so.
      if (!isOwnPartAway(error) && !(error instanceof ServiceError && error.transient)) throw error;
      log.warn({ err: error }, 'a request could not be looked at, trying again');
      return { kind: 'retry', after: LOOK_AGAIN_MS, uncounted: true, reason: error.message };
    }
  }

  async #refuseTarget({ build, traceparent }: Requested): Promise<Verdict> {
    const message = `The target ${build.target} is not in the configuration of the builder.`;
    await this.#announcer.failed(build, traceparent, failure('config_invalid', 'begin', message), NO_FACTS);
    return { kind: 'ack' };
  }

  #sendAway(target: string): Verdict {
    const now = this.#parts.clock.monotonic();
    const at = comesAgainAt(now, this.#sentAway.get(target) ?? now);
    this.#sentAway.set(target, at);
    return { kind: 'retry', after: at - now, uncounted: true, reason: `as many builds of ${target} run as may` };
  }

  /** Everything after the acknowledgement. Never rejects: a build has an end, or the sweeper finds it. */
  async #work(
    place: Place,
    begun: Begun,
    { traceparent }: Requested,
    slot: EngineSlot,
    lane: Lane,
    log: Logger,
  ): Promise<void> {
    const { build } = place;
    const running = this.#running.add(build.id);
    const tags: Claim[] = [];
    const late = setTimeout(
      () => running.interrupt(new Interruption('timeout', 'The build took longer than limits.time and ten minutes.')),
      place.target.limits.timeMs + GRACE_MS,
    );
    const lost = (): void => running.interrupt(new Interruption('claim_lost', 'the claim of the build was lost'));
    begun.claim.lost.addEventListener('abort', lost, { once: true });
    // A process that was stopped in its tracks may have lost it long before this line.
    if (begun.claim.lost.aborted) lost();
    if (begun.tagged) running.tagging();
    // A cancel that came between the look and now was not yet followed.
    if ((this.#parts.ledger.build(build.id)?.cancel ?? null) !== null)
      running.interrupt(new Interruption('canceled', 'Called off.'));
    try {
      const job = await this.#job(place, begun, traceparent, lane, log, running);
      if (begun.mode === 'tags_only') await putRight(this.#parts, job, begun);
      else await this.#build(job, begun, slot, running, tags);
      await job.finishLog(null);
    } catch (thrown) {
      log.error({ err: toError(thrown) }, 'a build was left without an end; the sweeper will ask for it again');
    } finally {
      clearTimeout(late);
      begun.claim.lost.removeEventListener('abort', lost);
      await this.#letGo(place, begun, slot, tags, log);
      running.done();
    }
  }

  async #job(
    place: Place,
    begun: Begun,
    traceparent: string | null,
    lane: Lane,
    log: Logger,
    { signal, tagging }: Running,
  ): Promise<Job> {
    const { build, target, repository } = place;
    const onOutputLost = (thrown: unknown): void =>
      log.debug({ err: toError(thrown) }, 'live output was not published');
    const publish = (first: number, lines: readonly string[]): void =>
      this.#announcer.output(build, first, lines, onOutputLost);
    const output =
      begun.mode === 'tags_only'
        ? NO_LOG
        : await this.#parts.logs.open(build.id, build.attempt, target.limits.outputBytes, publish);
    let finished: Promise<string | null> | null = null;
    const finishLog = (subject: LogDestination['subject']): Promise<string | null> => {
      finished ??= output.finish({ registry: place.registry, repository, subject }).catch((thrown: unknown) => {
        log.warn({ err: toError(thrown) }, 'the log of a build stays a local file');
        return null;
      });
      return finished;
    };
    return {
      ...place,
      cascade: lane === 'cascade',
      traceparent,
      requestedAt: begun.row.requestedAt,
      requestedSeq: begun.row.requestedSeq,
      claim: begun.claim,
      signal,
      log,
      output,
      finishLog,
      watch: new Stopwatch(this.#parts.clock, (step, took) => this.#parts.metrics.stepTook(step, took)),
      onTagging: tagging,
    };
  }

  async #build(job: Job, begun: Begun, slot: EngineSlot, running: Running, tags: Claim[]): Promise<void> {
    let build = job.build;
    let parents: readonly Parent[] = [];
    try {
      job.log.info({ component: build.component, target: build.target, attempt: build.attempt }, 'build started');
      await carry(this.#settings, this.#parts, this.#announcer, this.dependencies, {
        job,
        slot,
        existing: begun.existing,
        untouched: begun.untouched,
        fetched: begun.fetched,
        surveyed: begun.surveyed,
        onNamed: (named, prepared) => {
          build = named;
          parents = prepared.parents;
        },
        onCommitted: () => {
          running.committed();
          slot.wrapUp();
        },
        onMoved: (claim) => tags.push(claim),
      });
      this.#parts.metrics.buildEnded('completed', '');
      job.log.info({ nvr: build.nvr, timings: job.watch.timings() }, 'build completed');
    } catch (thrown) {
      await tellEnd(this.#parts, this.#announcer, this.sources, job, { build, parents, thrown });
    }
  }

  /** Cleans the engine of what the attempt left, then gives back the slot, or what it has of one, and, last, the claim. */
  async #letGo(place: Place, { claim }: Begun, slot: EngineSlot, tags: readonly Claim[], log: Logger): Promise<void> {
    const { dependencies } = this;
    const { clock } = this.#parts;
    const patience = { dependencies, maxTries: CLEANING_TRIES, clock, signal: this.#stopping.signal, log };
    await cleanAfter(this.#parts.ledger, patience, { place, claim, engine: slot.engine, tags });
    slot.release();
    await claim.release();
  }

  /** A request that nobody could handle ends its build, so that who waits for it is told. */
  async #onDead(message: Message, { code, reason }: DeadReason): Promise<void> {
    this.#parts.metrics.deadLettered(code);
    const requested = readRequest(this.#settings.prefix, message);
    if ('kind' in requested) return;
    const { build, traceparent } = requested;
    await this.#announcer.failed(
      build,
      traceparent,
      failure('internal', 'begin', `The request could not be handled: ${reason.split('\n', 1)[0] ?? code}.`, reason),
      NO_FACTS,
    );
  }
}

function limitsOf({ targets }: Pick<BuilderSettings, 'targets'>): ReadonlyMap<string, number> {
  return new Map(Object.values(targets).flatMap(({ name, slots }) => (slots === null ? [] : [[name, slots]])));
}
