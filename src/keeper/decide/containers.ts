/** Which containers of an engine go: those of steps of builds that have ended, as this log says. */
import type { ImageBuild } from './images.js';

/** An ended container of a build's step: it was killed together with the engine. */
export interface StoredContainer {
  readonly id: string;
  readonly build: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface ContainerFacts {
  readonly build: (id: string) => Pick<ImageBuild, 'ended' | 'endedAt'> | null;
  /** Milliseconds after its build's end in which what a build left is not touched. */
  readonly leftoverGraceMs: number;
  readonly now: number;
}

export interface ContainerGoing {
  readonly container: StoredContainer;
  readonly usedAt: number;
}

export function containersThatGo(
  containers: readonly StoredContainer[],
  { build, leftoverGraceMs, now }: ContainerFacts,
): readonly ContainerGoing[] {
  return containers.flatMap((container) => {
    const known = build(container.build);
    if (known?.ended !== true) return [];
    const usedAt = Math.max(container.createdAt, known.endedAt ?? 0);
    return now - usedAt >= leftoverGraceMs ? [{ container, usedAt }] : [];
  });
}
