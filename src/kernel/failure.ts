/**
 * Why a build can fail: the one table of codes (design, section 6). `docs/errors.md` documents each; a test holds
 * the two together. `transient` failures are tried again a bounded number of times before they end the build.
 */
export const FAILURES = {
  source_unavailable: {
    transient: true,
    advice: 'The git host did not answer. It is tried again; if it stays, check the host and the clone URL.',
  },
  commit_missing: {
    transient: false,
    advice: 'The commit is not in the repository. Push it, or ask for one that is there.',
  },
  commit_not_on_branch: {
    transient: false,
    advice: 'The commit is no longer on its branch (a forced push?). Push again, or build it with --scratch.',
  },
  source_unsupported: {
    transient: false,
    advice:
      'The source uses submodules, LFS pointers or something else that an archive cannot carry. Commit the files themselves.',
  },
  dockerfile_missing: {
    transient: false,
    advice: 'Add a Dockerfile or Containerfile to the component’s path.',
  },
  dockerfile_invalid: {
    transient: false,
    advice: 'Mend the line that the message names.',
  },
  config_invalid: {
    transient: false,
    advice: 'Add the missing label to the Dockerfile, or the missing setting to the target.',
  },
  parent_missing: {
    transient: false,
    advice: 'The parent image is not in the registry. Build it first, or correct the FROM line.',
  },
  parent_not_allowed: {
    transient: false,
    advice: 'Use a parent from one of the target’s allowed registries, or allow its registry in the target.',
  },
  release_taken: {
    transient: false,
    advice: 'Another build has this release. Give another one, or leave it out to have it computed.',
  },
  platform_unavailable: {
    transient: false,
    advice: 'No engine builds for this platform. Add one to `engines`.',
  },
  build_failed: {
    transient: false,
    advice: 'A step of the Dockerfile failed. The detail holds its last lines, the log all of them.',
  },
  build_timeout: {
    transient: false,
    advice: 'The build took longer than the target’s `limits.time`. Make it quicker or raise the limit.',
  },
  out_of_memory: {
    transient: false,
    advice: 'A step needed more than the target’s `limits.memory`. Use less or raise the limit.',
  },
  disk_full: {
    transient: true,
    advice: 'The engine, the registry or the log store has no room. Free some; the build is tried again.',
  },
  engine_unavailable: {
    transient: true,
    advice: 'The container engine did not answer. `layerwright doctor` says what it sees.',
  },
  registry_unavailable: {
    transient: true,
    advice: 'The registry did not answer. `layerwright doctor` says what it sees.',
  },
  registry_denied: {
    transient: false,
    advice: 'The registry refused our credentials for this repository. Check them and the rights they carry.',
  },
  too_many_attempts: {
    transient: false,
    advice: 'The build was begun again too often. The log of the last attempt shows how far it came.',
  },
  internal: {
    transient: false,
    advice: 'A fault of Layerwright itself. Please report it with the message id.',
  },
} as const satisfies Record<string, { readonly transient: boolean; readonly advice: string }>;

export type FailureCode = keyof typeof FAILURES;

export const FAILURE_CODES = Object.keys(FAILURES) as readonly FailureCode[];

/** How a build ended badly. `message` is one sentence for a maintainer, `detail` the last lines of output (or empty). */
export interface Failure {
  readonly code: FailureCode;
  readonly step: string;
  readonly message: string;
  readonly detail: string;
  readonly transient: boolean;
}

/** Makes a failure; whether it is transient comes from the table. */
export function failure(code: FailureCode, step: string, message: string, detail = ''): Failure {
  return { code, step, message, detail, transient: FAILURES[code].transient };
}
