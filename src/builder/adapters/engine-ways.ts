import { hash } from 'node:crypto';
import { BUILD_LABEL } from '../decide/labels.js';
import { stepHost } from '../decide/step-host.js';
import type { EngineBuild, EngineInfo } from '../ports.js';
import { DockerSteps } from './docker-steps.js';
import type { EngineLimits } from './engine-limits.js';
import { PodmanSteps } from './podman-steps.js';
import type { StepMark } from './step-processes.js';
import type { StepReader } from './step-reader.js';

/**
 * How an engine does what Docker's API leaves open. All that differs between Docker (its classic builder) and Podman is
 * here; nothing else asks which of them it is. `docs/engines.md` says what follows from it for builds.
 */
export interface EngineWays {
  readonly kind: EngineInfo['kind'];
  readonly limits: EngineLimits;
  /** What a build's request has beside what every engine gets. */
  options(build: EngineBuild): Readonly<Record<string, unknown>>;
  /** A reader of the engine's words about its steps. */
  steps(build: EngineBuild): StepReader;
  /** What the engine said, without what is of no use to a maintainer. */
  words(said: string): string;
  /** True: an event names each container that ran out of memory. Else a step that was killed under a limit counts. */
  readonly tellsOutOfMemory: boolean;
  /** True: every image of a build has its label, those between included, so that none need be known from the output. */
  readonly labelsEveryImage: boolean;
  /** True: an image that is in use loses only its name by force; else the containers that use it go too, other builds' as well. */
  readonly forceSparesUsers: boolean;
  /** True: what a build that was killed with the engine has had of containers stays, and only the engine's own API shows it. */
  readonly leavesDeadContainers: boolean;
  /** True: an image has a name of the engine's own while it is written, and keeps it when the engine is killed just then. */
  readonly namesWhatItWrites: boolean;
  /** True: the container of a step outlives an engine that is killed, and a host name says whose it was, as no label does. */
  readonly leavesStepContainers: boolean;
  /** What the processes of a build's steps are known by, where the engine does not end them with the build; null where it does. */
  stepMark(build: string): StepMark | null;
}

/** For documentation only (RFC 5737): nothing answers there. */
const NOWHERE = '192.0.2.1';

export function dockerWays(limits: EngineLimits): EngineWays {
  return { ...DOCKER_WAYS, limits };
}

const DOCKER_WAYS: Omit<EngineWays, 'limits'> = {
  kind: 'docker',
  options: ({ labels, network, build }) => ({
    labels: { ...labels },
    extrahosts: `${stepHost(build)}:${NOWHERE}`,
    ...(network === null ? {} : { networkmode: network }),
  }),
  steps: ({ labels, ownSteps }) => new DockerSteps(Object.keys(labels).length + ownSteps),
  words: (said) => said,
  tellsOutOfMemory: true,
  labelsEveryImage: false,
  forceSparesUsers: true,
  leavesDeadContainers: false,
  namesWhatItWrites: false,
  // It gives them no label; a host name it keeps with the container, and in no image and no cache.
  leavesStepContainers: true,
  stepMark: () => null,
};

/**
 * Podman takes Docker's `networkmode` and builds in the host's network whatever that says. It has its own words for it:
 * the policy and the namespace that its own client sends.
 */
const PODMAN_NETWORK = {
  none: { networkmode: 'NetworkDisabled', nsoptions: JSON.stringify([{ Name: 'network', Host: false }]) },
  host: { networkmode: 'NetworkDefault', nsoptions: JSON.stringify([{ Name: 'network', Host: true }]) },
} as const;

/** `rootless`: it may not make control groups, and refuses a build that asks for one. */
export function podmanWays(nature: { readonly rootless: boolean; readonly limits: EngineLimits }): EngineWays {
  const labelsOf = ({ labels, build }: EngineBuild) => ({ ...labels, [BUILD_LABEL]: build });
  const stepMark = (build: string): StepMark => {
    const digits = hash('sha256', build);
    if (!nature.rootless) return { kind: 'group', name: `layerwright-${digits.slice(0, 24)}` };
    // The step's processes inherit it, and only what asks for real time is ever measured by it: here as years.
    return { kind: 'limit', name: 'Max realtime timeout', value: 2 ** 52 + Number.parseInt(digits.slice(0, 12), 16) };
  };
  return {
    kind: 'podman',
    limits: nature.limits,
    options: (build) => ({
      labels: labelsOf(build),
      ...(build.network === null ? {} : PODMAN_NETWORK[build.network]),
      ...markOption(stepMark(build.build)),
    }),
    steps: (build) => new PodmanSteps(Object.keys(labelsOf(build)).length + build.ownSteps),
    words: podmanWords,
    tellsOutOfMemory: false,
    labelsEveryImage: true,
    forceSparesUsers: false,
    leavesDeadContainers: true,
    namesWhatItWrites: true,
    // Its steps end with their service.
    leavesStepContainers: false,
    stepMark,
  };
}

function markOption(mark: StepMark): Readonly<Record<string, string>> {
  if (mark.kind === 'group') return { cgroupparent: mark.name };
  return { ulimits: JSON.stringify([`rttime=${mark.value}:${mark.value}`]) };
}

/** Podman puts the step before what went wrong in it, its own folders among that, and after it what it keeps of the step in memory. */
function podmanWords(said: string): string {
  return said
    .trim()
    .replace(/^(?:error )?building at STEP ".*?": (?=\S)/s, '')
    .replace(/ &imagebuilder\.Step\{.*$/s, '')
    .replace(/^checking on sources under "[^"]*": (?:copier: )?/, '');
}
