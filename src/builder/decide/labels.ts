import type { Digest } from '../../kernel/digest.js';

export interface LabelInput {
  readonly buildId: string;
  readonly component: string;
  readonly target: string;
  readonly version: string;
  readonly release: string;
  readonly source: { readonly repository: string; readonly commit: string };
  /** When the image is made; one value for all labels. */
  readonly created: Date;
  /** As `linux/amd64`. */
  readonly platform: string;
  /** Base of the final stage; null for `scratch`. `name` is as it was looked up. */
  readonly base: { readonly name: string; readonly digest: Digest | string } | null;
  /** All parents, resolved; `resolved` without digest. */
  readonly parents: readonly { readonly resolved: string; readonly digest: string }[];
  /** Labels of the Dockerfile's final stage. */
  readonly own: Readonly<Record<string, string>>;
}

/** The label that the engine's containers, images and cleaning go by. */
export const BUILD_LABEL = 'io.layerwright.build';
export const COMPONENT_LABEL = 'io.layerwright.component';
export const TARGET_LABEL = 'io.layerwright.target';

/** dist-git names machines as RPM does. */
const RPM_ARCHITECTURE: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  arm64: 'aarch64',
  '386': 'i686',
};

/**
 * Every label that the engine adds (design, section 6). What we computed stands above what the Dockerfile says;
 * `name` and `distribution-scope` are the maintainer's, and ours only where the Dockerfile is silent.
 */
export function buildLabels(input: LabelInput): Readonly<Record<string, string>> {
  const created = `${input.created.toISOString().slice(0, 19)}Z`;
  const machine = input.platform.split('/')[1] ?? input.platform;
  return {
    'org.opencontainers.image.created': created,
    'org.opencontainers.image.revision': input.source.commit,
    'org.opencontainers.image.source': input.source.repository,
    'org.opencontainers.image.version': input.version,
    ...(input.base === null
      ? {}
      : {
          'org.opencontainers.image.base.name': input.base.name,
          'org.opencontainers.image.base.digest': input.base.digest,
        }),
    name: input.own['name'] ?? input.component,
    version: input.version,
    release: input.release,
    architecture: RPM_ARCHITECTURE[machine] ?? machine,
    'build-date': created,
    'vcs-type': 'git',
    'vcs-ref': input.source.commit,
    'vcs-url': input.source.repository,
    'com.redhat.component': input.component,
    'distribution-scope': input.own['distribution-scope'] ?? 'private',
    [BUILD_LABEL]: input.buildId,
    [COMPONENT_LABEL]: input.component,
    [TARGET_LABEL]: input.target,
    'io.layerwright.parents': input.parents.map(({ resolved, digest }) => `${resolved}@${digest}`).join(' '),
  };
}
