import type { DependencyState } from './dependencies.js';
import type { BuilderParts } from './parts.js';
import type { BuilderSettings } from './settings.js';
import type { SourceStanding } from './source-waits.js';
import { BuilderWorker } from './worker.js';

/** A builder at work. */
export interface Builder {
  /** Engines and registries, as they were seen last. */
  dependencies(): readonly DependencyState[];
  /** Builds that wait for a git host that is away, and these hosts. */
  sources(): SourceStanding;
  /** Builds in hand. */
  busy(): number;
  /** Hands back or finishes what is in hand; resolves when nothing is. */
  stop(): Promise<void>;
}

/** Starts a builder; it takes requests as soon as its engines and registries answer. */
export async function openBuilder(settings: BuilderSettings, parts: BuilderParts): Promise<Builder> {
  const worker = new BuilderWorker(settings, parts);
  await worker.start();
  return {
    dependencies: () => worker.dependencies.states(),
    sources: () => worker.sources.standing(),
    busy: () => worker.busy,
    stop: () => worker.stop(),
  };
}
