// Generated from schemas/messages by `npm run generate`; not edited by hand.

export type Uuid = string;
export type Component = string;
export type Target = string;
export type Kind = 'official' | 'isolated' | 'scratch';
/**
 * A full git object name.
 */
export type Commit = string;
export type Digest = string;
/**
 * A component in a target, as `f41/httpd`.
 */
export type Member = string;

/**
 * Every message body of ours, by the name of its schema.
 */
export interface MessageBodies {
  'build.cancel.v1': BuildCancelV1;
  'build.canceled.v1': BuildCanceledV1;
  'build.completed.v1': BuildCompletedV1;
  'build.failed.v1': BuildFailedV1;
  'build.output.v1': BuildOutputV1;
  'build.requested.cascade.v1': BuildRequestedCascadeV1;
  'build.requested.v1': BuildRequestedV1;
  'build.skipped.v1': BuildSkippedV1;
  'build.started.v1': BuildStartedV1;
  'wave.closed.v1': WaveClosedV1;
  'wave.opened.v1': WaveOpenedV1;
}
/**
 * Command: call a build off
 */
export interface BuildCancelV1 {
  build: Uuid;
  agent: string | null;
  reason: string | null;
}
/**
 * A build was called off
 */
export interface BuildCanceledV1 {
  build: Build;
  reason: {
    code: 'superseded' | 'requested' | 'branch_deleted';
    message: string;
  };
  /**
   * The build that takes its place.
   */
  successor: Uuid | null;
  process: Process;
}
/**
 * A build, as every message about it carries it.
 */
export interface Build {
  id: Uuid;
  component: Component;
  target: Target;
  kind: Kind;
  name: string | null;
  version: string | null;
  release: string | null;
  nvr: string | null;
  source: Source;
  cause: Cause;
  /**
   * Part of the id.
   */
  build_args: {
    [k: string]: string;
  };
  attempt: number;
}
/**
 * What a build is made from.
 */
export interface Source {
  /**
   * The URL that is cloned, without credentials.
   */
  repository: string;
  namespace: string | null;
  /**
   * Short name, as `f41`, or `tags/v1` for a tag.
   */
  branch: string;
  commit: Commit;
  /**
   * Folder of the Dockerfile inside the repository; empty for its root.
   */
  path: string;
}
/**
 * Why a build was asked for.
 */
export interface Cause {
  type: 'push' | 'person' | 'rebuild' | 'reconcile' | 'replay';
  /**
   * What makes this build another one than the push’s own; part of the id. Empty for a push.
   */
  key: string;
  /**
   * Id of the message that asked.
   */
  message: string | null;
  wave: Uuid | null;
  agent: string | null;
  reason: string | null;
  /**
   * Parents that a rebuild is to stand on; null where they are resolved at build time.
   */
  parents: PinnedParent[] | null;
}
export interface PinnedParent {
  /**
   * The parent as the registry knows it, without digest.
   */
  name: string;
  digest: Digest;
}
/**
 * Who did it.
 */
export interface Process {
  id: string;
  host: string;
  pid: number;
  version: string;
}
/**
 * An image is in the candidate registry
 */
export interface BuildCompletedV1 {
  build: Build;
  image: Image;
  parents: Parent[];
  timings: Timings | null;
  log: Digest | null;
  process: Process;
}
export interface Image {
  digest: Digest;
  media_type: string;
  /**
   * An identity of what the image holds, times and build labels aside; null where it was not computed.
   */
  content: Digest | null;
  references: string[];
  platforms: Platform[];
}
export interface Platform {
  /**
   * As `linux/amd64`.
   */
  platform: string;
  digest: Digest;
  /**
   * Bytes of manifest, config and layers.
   */
  size: number;
}
export interface Parent {
  /**
   * As the Dockerfile has it.
   */
  written: string;
  /**
   * As it was looked up.
   */
  resolved: string;
  digest: Digest;
  /**
   * The build of ours that made it, when there is one.
   */
  build: Uuid | null;
}
/**
 * Milliseconds by step.
 */
export interface Timings {
  [k: string]: number;
}
/**
 * A build ended without an image
 */
export interface BuildFailedV1 {
  build: Build;
  failure: Failure;
  parents: Parent[];
  timings: Timings | null;
  log: Digest | null;
  process: Process;
}
export interface Failure {
  /**
   * One of docs/errors.md.
   */
  code: string;
  step: string;
  /**
   * One sentence for a maintainer.
   */
  message: string;
  /**
   * The last lines of output.
   */
  detail: string;
  transient: boolean;
}
/**
 * Lines of output, live
 */
export interface BuildOutputV1 {
  build: Uuid;
  attempt: number;
  /**
   * Number of the first line, from 0.
   */
  first: number;
  lines: string[];
}
/**
 * A build is asked for by a wave or reconcile
 */
export interface BuildRequestedCascadeV1 {
  build: Build;
}
/**
 * A build is asked for by a push or a person
 */
export interface BuildRequestedV1 {
  build: Build;
}
/**
 * A build is not begun, and why
 */
export interface BuildSkippedV1 {
  build: Build;
  reason: {
    code: string;
    message: string;
  };
  /**
   * Parents that must be there first.
   */
  waiting_for: string[];
}
/**
 * A process has begun a build
 */
export interface BuildStartedV1 {
  build: Build;
  process: Process;
}
/**
 * All members of a wave have come to an end
 */
export interface WaveClosedV1 {
  wave: Wave;
  results: {
    member: Member;
    /**
     * `unchanged`: no parent of it holds anything else than before, or a push has built it meanwhile. `stopped`: a parent failed or was stopped.
     */
    outcome: 'completed' | 'unchanged' | 'failed' | 'canceled' | 'stopped';
    /**
     * The build of this wave; null where there was none.
     */
    build: Uuid | null;
    /**
     * The parents that stopped it.
     */
    through: Member[];
  }[];
  process: Process;
}
/**
 * Rebuilds of all that stands on images that have changed.
 */
export interface Wave {
  id: Uuid;
  /**
   * Id of the message that told of the change which opened the wave. Part of the id.
   */
  message: string;
  /**
   * The first rebuild that was wanted when the wave was opened. Part of the id.
   */
  rebuild: string;
}
/**
 * Images have changed, and what stands on them is rebuilt
 */
export interface WaveOpenedV1 {
  wave: Wave;
  /**
   * The images that have changed.
   */
  changes: {
    component: Component;
    target: Target;
    build: Uuid;
    nvr: string | null;
    digest: Digest;
    /**
     * Id of the message that told of it.
     */
    message: string;
  }[];
  /**
   * Images that no build of ours makes and that have changed; of them no message tells.
   */
  outside?: {
    /**
     * As it was looked up.
     */
    name: string;
    digest: Digest;
    /**
     * Time at which its registry was first seen to have this digest for it, in ISO 8601.
     */
    seen_at: string;
  }[];
  /**
   * Members whose image is older than the schedule of their target allows.
   */
  due?: Member[];
  /**
   * What is rebuilt, each when its own parents are done: parents come before what stands on them.
   */
  members: Member[];
  /**
   * What is left out, as it stands on itself: no order has it right.
   */
  cycles: Member[][];
  process: Process;
}
