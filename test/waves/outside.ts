/** The git host and the registry of a world: what there is to build, and what has been built. */
import type { Digest } from '../../src/kernel/digest.js';
import type { Image } from '../../src/messages/index.js';
import { sampleCommit, sampleDigest } from '../support/samples.js';
import type { Spec, Specs } from './images.js';

/** One commit of a component. */
export interface Commit {
  readonly id: string;
  /** Commits of it before this one. */
  readonly ordinal: number;
  /** What of it gets into the image: two with the same differ in what no image has. */
  readonly payload: number;
  /** True when nothing can be built of it. */
  readonly isBroken: boolean;
}

/** An image as the registry has it. */
export interface Made {
  readonly build: string;
  readonly component: string;
  readonly image: Image;
  readonly commit: string;
  /** Contents that it stands on, by component. */
  readonly on: ReadonlyMap<string, Digest>;
}

export class Outside {
  /** While it is, what is brittle holds. */
  isSound = false;
  readonly #specs: Map<string, Spec>;
  readonly #commits: Map<string, readonly Commit[]>;
  readonly #byCommit: Map<string, Commit>;
  readonly #names: Map<string, Made>;
  readonly #byDigest: Map<string, Made>;

  constructor(specs: Specs, from: Outside | null = null) {
    this.#specs = new Map(specs);
    this.#commits = new Map(from === null ? [] : from.#commits);
    this.#byCommit = new Map(from === null ? [] : from.#byCommit);
    this.#names = new Map(from === null ? [] : from.#names);
    this.#byDigest = new Map(from === null ? [] : from.#byDigest);
  }

  get specs(): Specs {
    return this.#specs;
  }

  add(spec: Spec): void {
    this.#specs.set(spec.component, spec);
  }

  spec(component: string): Spec {
    const spec = this.#specs.get(component);
    if (spec === undefined) throw new Error(`there is no ${component}`);
    return spec;
  }

  /** A new commit on the branch. */
  commit(component: string, { isIdle = false, isBroken = false } = {}): Commit {
    const before = this.#commits.get(component) ?? [];
    const ordinal = before.length;
    const payload = isIdle ? (before.at(-1)?.payload ?? 0) : ordinal;
    const commit = { id: sampleCommit(`${component} ${ordinal}`), ordinal, payload, isBroken };
    this.#commits.set(component, [...before, commit]);
    this.#byCommit.set(commit.id, commit);
    return commit;
  }

  /** Of a component, the first one first. */
  commits(component: string): readonly Commit[] {
    return this.#commits.get(component) ?? [];
  }

  /** The newest commit; null: nobody has pushed it yet. */
  head(component: string): Commit | null {
    return this.#commits.get(component)?.at(-1) ?? null;
  }

  /** The newest commit of which something can be built. */
  lastSound(component: string): Commit | null {
    return this.#commits.get(component)?.findLast(({ isBroken }) => !isBroken) ?? null;
  }

  known(id: string): Commit {
    const commit = this.#byCommit.get(id);
    if (commit === undefined) throw new Error(`there is no commit ${id}`);
    return commit;
  }

  /** Whether a build comes to nothing: it hangs on what is built alone, so that it is the same in every world. */
  fails({ component, isBrittle }: Spec, { isBroken, payload }: Commit, on: Made['on']): boolean {
    if (isBroken) return true;
    if (!isBrittle || this.isSound) return false;
    return Number.parseInt(contentOf(component, payload, on).slice(-2), 16) < 0x80;
  }

  now(name: string): Made | null {
    return this.#names.get(name) ?? null;
  }

  byDigest(digest: string): Made | null {
    return this.#byDigest.get(digest) ?? null;
  }

  put(made: Made): void {
    this.#byDigest.set(made.image.digest, made);
    for (const name of made.image.references) this.#names.set(name, made);
  }
}

/** The name of a component's image as the candidate registry has it. */
export function nameOf({ component, tag }: { readonly component: string; readonly tag: string }): string {
  return `candidate.example.org/f41/${component}:${tag}`;
}

/** An identity of what an image holds, that of its parents included: the same in every world. */
export function contentOf(component: string, payload: number, on: ReadonlyMap<string, Digest>): Digest {
  const below = [...on].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, content]) => `${name} ${content}`);
  return sampleDigest(`${component} ${payload} ${below.join()}`);
}
