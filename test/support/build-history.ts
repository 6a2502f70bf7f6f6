/** Builds that have ended, for what is read off them. */
import { type Graph, graphOf } from '../../src/rebuilds/decide/graph.js';
import type { EndedBuild, Sighting } from '../../src/rebuilds/decide/node.js';
import { sampleBuild, sampleDigest } from './samples.js';

/** The name of an image as the candidate registry has it. */
export function historyName(component: string, tag = 'latest'): string {
  return `candidate.example.org/f41/${component}:${tag}`;
}

/** Builds that end one after the other, each with the names that its component had before. */
export class BuildHistory {
  readonly builds: EndedBuild[] = [];
  /** What was seen of names that are not ours. */
  readonly sightings = new Map<string, Sighting>();
  readonly #began: number;
  readonly #stepMs: number;
  #seq = 0;

  constructor(began = Date.UTC(2026, 10, 23), stepMs = 60_000) {
    this.#began = began;
    this.#stepMs = stepMs;
  }

  /** `on`: components, or names of images that are not ours; what has no build of ours has a digest of its name. */
  build(component: string, on: readonly string[] = [], parts: Partial<EndedBuild> = {}): EndedBuild {
    this.#seq += 1;
    const state = parts.state ?? 'completed';
    const id = `${component}-${this.#seq}`;
    const digest = sampleDigest(id);
    const endedAt = new Date(this.#began + this.#seq * this.#stepMs).toISOString();
    const made: EndedBuild = {
      id,
      component,
      target: 'f41',
      kind: 'official',
      state,
      version: '1',
      release: `${this.#seq}.f41`,
      nvr: `${component}-1-${this.#seq}.f41`,
      source: sampleBuild().source,
      buildArgs: {},
      image:
        state === 'failed'
          ? null
          : {
              digest,
              media_type: 'application/vnd.oci.image.manifest.v1+json',
              content: null,
              references: [historyName(component)],
              platforms: [{ platform: 'linux/amd64', digest, size: 1 }],
            },
      parents: on.map((parent) => {
        const now = this.last(parent);
        const resolved = parent.includes(':') ? parent : historyName(parent);
        return {
          written: parent,
          resolved,
          digest: now?.image?.digest ?? sampleDigest(parent),
          build: now?.id ?? null,
        };
      }),
      endedAt,
      messages: [{ topic: `x.container.build.${state}`, id, seq: this.#seq, storedAt: endedAt }],
      ...parts,
    };
    this.builds.push(made);
    return made;
  }

  last(component: string): EndedBuild | undefined {
    return this.builds.findLast((build) => build.component === component && build.image !== null);
  }

  graph(): Graph {
    return graphOf(this.builds, this.sightings);
  }
}
