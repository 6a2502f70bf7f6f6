import { createHash } from 'node:crypto';
import { BUILD_LABEL } from '../decide/labels.js';
import type { EngineBuild, EngineInfo } from '../ports.js';
import { DockerSteps } from './docker-steps.js';
import { PodmanSteps } from './podman-steps.js';
import type { StepReader } from './step-reader.js';

/**
 * How an engine does what Docker's API leaves open. All that differs between Docker (its classic builder) and Podman is
 * here; nothing else asks which of them it is. `docs/engines.md` says what follows from it for builds.
 */
export interface EngineWays {
  readonly kind: EngineInfo['kind'];
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
  /** A host name of each step's container that names its build, where no label does; null where it is not needed. */
  stepHost(build: string): string | null;
  /** The control group of a build's steps, where the engine does not end them with the build; null where it does. */
  stepGroup(build: string): string | null;
}

/** For documentation only (RFC 5737): nothing answers there. */
const NOWHERE = '192.0.2.1';

/** Docker gives a step's container no label; a host name it keeps with the container, and in no image and no cache. */
function dockerStepHost(build: string): string {
  return `${encodeURIComponent(build)}.build.layerwright.invalid`;
}

export const DOCKER_WAYS: EngineWays = {
  kind: 'docker',
  options: ({ labels, network, build }) => ({
    labels: { ...labels },
    extrahosts: `${dockerStepHost(build)}:${NOWHERE}`,
    ...(network === null ? {} : { networkmode: network }),
  }),
  steps: ({ labels, ownSteps }) => new DockerSteps(Object.keys(labels).length + ownSteps),
  words: (said) => said,
  tellsOutOfMemory: true,
  labelsEveryImage: false,
  forceSparesUsers: true,
  stepHost: dockerStepHost,
  stepGroup: () => null,
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
export function podmanWays({ rootless }: { readonly rootless: boolean }): EngineWays {
  const labelsOf = ({ labels, build }: EngineBuild) => ({ ...labels, [BUILD_LABEL]: build });
  const stepGroup = (build: string): string | null =>
    rootless ? null : `layerwright-${createHash('sha256').update(build).digest('hex').slice(0, 24)}`;
  return {
    kind: 'podman',
    options: (build) => {
      const group = stepGroup(build.build);
      return {
        labels: labelsOf(build),
        ...(build.network === null ? {} : PODMAN_NETWORK[build.network]),
        ...(group === null ? {} : { cgroupparent: group }),
      };
    },
    steps: (build) => new PodmanSteps(Object.keys(labelsOf(build)).length + build.ownSteps),
    words: podmanWords,
    tellsOutOfMemory: false,
    labelsEveryImage: true,
    forceSparesUsers: false,
    // Its builds end with their service.
    stepHost: () => null,
    stepGroup,
  };
}

/** Podman puts the step before what went wrong in it, its own folders among that, and after it what it keeps of the step in memory. */
function podmanWords(said: string): string {
  return said
    .trim()
    .replace(/^(?:error )?building at STEP ".*?": (?=\S)/s, '')
    .replace(/ &imagebuilder\.Step\{.*$/s, '')
    .replace(/^checking on sources under "[^"]*": (?:copier: )?/, '');
}
