/** The engines that the builder's adapter is tested on, and in what they may differ. */
import type { EngineInfo } from '../../../src/builder/ports.js';
import { requireEngine, requirePodman, requireRootlessPodman, type TestService } from '../../support/services.js';

export interface TestEngine {
  readonly name: string;
  readonly kind: EngineInfo['kind'];
  readonly service: TestService;
  /** True: it enforces limits of memory and processor time. */
  readonly limits: boolean;
  /** Output of steps that looks like the engine's own words; `victim` is a container of somebody else. */
  forged(victim: string): readonly string[];
  readonly unknownInstruction: RegExp;
  readonly outOfMemory: RegExp;
  /** The line that says that a step came from the cache. */
  readonly cached: RegExp;
  /** Milliseconds after the end of a build in which the engine is still taking things away. */
  readonly tidyMs: number;
}

export const DOCKER: TestEngine = {
  name: 'docker',
  kind: 'docker',
  service: requireEngine(),
  limits: true,
  forged: (victim) => [` ---> Running in ${victim}`, 'Step 9/9 : FROM nothing', ' ---> 0123456789ab'],
  unknownInstruction: /line 2: unknown instruction: RUNN/,
  outOfMemory: /^Step 2 of 2, `RUN tail \/dev\/zero`, ran out of its memory of 20 MiB\.$/,
  cached: /^ ---> Using cache$/,
  tidyMs: 0,
};

export const PODMAN: TestEngine = {
  name: 'podman',
  kind: 'podman',
  service: requirePodman(),
  limits: true,
  forged: () => ['--> Using cache 0123456789ab', 'STEP 9/9: FROM nothing', '--> 0123456789a'],
  unknownInstruction: /Unknown instruction: "RUNN"\.$/,
  outOfMemory:
    /^Step 2 of 2, `RUN tail \/dev\/zero`, was killed, as is a step that runs out of its memory of 20 MiB\.$/,
  cached: /^--> Using cache [0-9a-f]{64}$/,
  tidyMs: 10_000,
};

export const ROOTLESS_PODMAN: TestEngine = {
  ...PODMAN,
  name: 'rootless podman',
  service: requireRootlessPodman(),
  limits: false,
};

export const TEST_ENGINES: readonly TestEngine[] = [DOCKER, PODMAN, ROOTLESS_PODMAN];
