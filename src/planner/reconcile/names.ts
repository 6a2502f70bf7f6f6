import { parseImageRef } from '../../kernel/image-ref.js';
import { ServiceError } from '../../kernel/service-error.js';
import { type Graph, requestOf } from '../../rebuilds/index.js';
import type { Registry } from '../../registry/index.js';
import { Absences } from './absences.js';
import { isAtRest, type NamedImage, namedImages } from './decide/names.js';
import type { Action, Finding } from './findings.js';
import { eachOf, Pace } from './pace.js';
import type { Pass, PassParts } from './parts.js';
import { hasStream } from './scope.js';

/** Images whose names are looked at at one time. */
const AT_ONCE = 8;
/** Milliseconds until names that are still wrong are asked for again: who is to put them right may have much to do. */
const ASK_AGAIN_MS = 600_000;
/** Builds of a component that may be giving its names away. */
const LOOK_BACK = 50;

export interface NamesSeen {
  readonly names: number;
  readonly moved: number;
  readonly gone: number;
  readonly faults: ReturnType<Absences['faults']>;
}

type Head = Pick<Registry, 'name' | 'host' | 'head'>;
type Wrong = Extract<Finding, { readonly kind: 'names' }>['wrong'][number];

/** Compares what names stand for with what the log says of them; has wrong ones put right. Throws what bus and ledger throw. */
export async function lookAtNames(parts: PassParts, pass: Pass, graph: Graph): Promise<NamesSeen> {
  const images = namedImages(graph, parts.isOut).filter((image) => hasStream(pass.scope, image));
  const first = Math.floor(Math.random() * images.length);
  const look = new NamesLook(parts, pass);
  const all = [...images.slice(first), ...images.slice(0, first)];
  await eachOf(all, AT_ONCE, pass.signal, (image) => look.at(image));
  return look.seen();
}

class NamesLook {
  readonly #parts: PassParts;
  readonly #pass: Pass;
  readonly #absences = new Absences();
  readonly #paces = new Map<string, Pace>();
  readonly #byHost: ReadonlyMap<string, Head>;
  #names = 0;
  #moved = 0;
  #gone = 0;

  constructor(parts: PassParts, pass: Pass) {
    this.#parts = parts;
    this.#pass = pass;
    this.#byHost = new Map(parts.ports.registries.map((registry) => [registry.host, registry]));
  }

  seen(): NamesSeen {
    return { names: this.#names, moved: this.#moved, gone: this.#gone, faults: this.#absences.faults() };
  }

  async at(image: NamedImage): Promise<void> {
    const wrong: Wrong[] = [];
    let where: { readonly registry: Head; readonly repository: string } | null = null;
    for (const reference of image.references) {
      const place = this.#placeOf(reference);
      if (place === null || this.#pass.signal.aborted) continue;
      where = place;
      const found = await this.#digestOf(place, place.tag);
      if (found === undefined) return;
      this.#names += 1;
      if (found !== image.digest) wrong.push({ reference, digest: found });
    }
    if (where === null || wrong.length === 0 || this.#pass.signal.aborted) return;
    const there = await this.#digestOf(where, image.digest);
    if (there === undefined || !(await this.#isTrue(image))) return;
    if (there === null) this.#tellGone(image);
    else await this.#ask(image, wrong);
  }

  /** Null for a name of a registry that the configuration has no more. */
  #placeOf(reference: string): { readonly registry: Head; readonly repository: string; readonly tag: string } | null {
    const parsed = parseImageRef(reference);
    if (!parsed.ok || parsed.value.tag === null) return null;
    const registry = this.#byHost.get(parsed.value.registry);
    return registry === undefined ? null : { registry, repository: parsed.value.repository, tag: parsed.value.tag };
  }

  /** What a tag or digest stands for: null for nothing, undefined when the registry can't say now. */
  async #digestOf(
    { registry, repository }: { readonly registry: Head; readonly repository: string },
    reference: string,
  ): Promise<string | null | undefined> {
    const { name } = registry;
    if (this.#absences.isAway(name)) {
      this.#absences.missed(name);
      return undefined;
    }
    const pace = this.#paceOf(name);
    await pace.turn(this.#pass.signal);
    if (this.#pass.signal.aborted) return undefined;
    try {
      const found = await registry.head(repository, reference);
      this.#absences.answered(name);
      return found?.digest ?? null;
    } catch (thrown) {
      this.#absences.failed(name, `${name}/${repository}`, thrown);
      if (thrown instanceof ServiceError && !pace.rest(thrown.restMs)) this.#absences.leave(name);
      return undefined;
    }
  }

  #paceOf(registry: string): Pace {
    const pace = this.#paces.get(registry) ?? new Pace(this.#parts.clock);
    this.#paces.set(registry, pace);
    return pace;
  }

  /** Whether what was seen is not just a build that is moving these names. */
  async #isTrue(image: NamedImage): Promise<boolean> {
    const { ledger } = this.#parts;
    await ledger.caughtUp();
    const { component, target } = image;
    return isAtRest(image, ledger.builds({ component, target, kind: 'official', limit: LOOK_BACK }));
  }

  #tellGone({ component, target, build, nvr, digest }: NamedImage): void {
    this.#gone += 1;
    this.#pass.onFinding({ kind: 'gone', component, target, build, nvr, digest });
  }

  async #ask({ component, target, build, nvr, digest }: NamedImage, wrong: readonly Wrong[]): Promise<void> {
    const { bus, ledger, clock } = this.#parts;
    const { dryRun, memory, onFinding } = this.#pass;
    const row = ledger.build(build);
    if (row === null) return;
    let action: Action = 'would_ask';
    if (!dryRun) {
      const now = clock.monotonic();
      action = now - (memory.asked.get(build) ?? -Infinity) < ASK_AGAIN_MS ? 'waits' : 'asked';
      if (action === 'asked') {
        // The same request once more: a builder finds its end on the log, and moves the names alone.
        await bus.publish(requestOf(row, row.attempt, this.#parts), { again: `reconcile ${clock.now().getTime()}` });
        memory.asked.set(build, now);
      }
    }
    this.#moved += 1;
    onFinding({ kind: 'names', action, component, target, build, nvr, digest, wrong });
  }
}
