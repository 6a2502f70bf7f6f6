import type { Parent } from '../../messages/index.js';
import { type EndedBuild, endSeq } from './node.js';

/** What names stand for, by the log: tags are moved in the order in which the ends of builds are stored. */
export class Names {
  readonly #byName = new Map<string, EndedBuild>();
  readonly #byDigest = new Map<string, EndedBuild>();
  readonly #byId = new Map<string, EndedBuild>();

  /** Gives the names that stand for another build than before. */
  add(build: EndedBuild): readonly string[] {
    this.#byId.set(build.id, build);
    if (build.image === null) return [];
    this.#byDigest.set(build.image.digest, build);
    if (build.kind === 'scratch') return [];
    const moved = build.image.references.filter((name) => {
      const known = this.#byName.get(name);
      return known === undefined || known.id === build.id || endSeq(known) < endSeq(build);
    });
    for (const name of moved) this.#byName.set(name, build);
    return moved;
  }

  delete(build: EndedBuild): void {
    const { id, image } = build;
    if (this.#byId.get(id) === build) this.#byId.delete(id);
    if (image === null) return;
    if (this.#byDigest.get(image.digest) === build) this.#byDigest.delete(image.digest);
    for (const name of image.references) if (this.#byName.get(name) === build) this.#byName.delete(name);
  }

  build(id: string): EndedBuild | null {
    return this.#byId.get(id) ?? null;
  }

  /** Who has a name now. */
  now(name: string): EndedBuild | null {
    return this.#byName.get(name) ?? null;
  }

  /** The build that a parent was when it was resolved. */
  before({ build, digest }: Pick<Parent, 'build' | 'digest'>): EndedBuild | null {
    return (build === null ? undefined : this.#byId.get(build)) ?? this.#byDigest.get(digest) ?? null;
  }
}
