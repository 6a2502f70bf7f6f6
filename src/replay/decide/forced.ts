import { buildId, derivedId } from '../../kernel/ids.js';
import type { Build } from '../../messages/index.js';

/**
 * The same build once more, under a new id: as a person's repeat (design, section 4, "Identity"), its cause key an id of
 * this replay and of the build that it repeats. A rebuild stands on what its parents' names stand for now.
 */
export function forcedBuild(build: Build, by: { readonly run: string; readonly agent: string | null }): Build {
  const key = derivedId('replay', by.run, build.id);
  const { component, target, kind, build_args: buildArgs, source } = build;
  return {
    ...build,
    id: buildId({ component, target, commit: source.commit, kind, buildArgs, causeKey: key }),
    name: null,
    version: null,
    release: null,
    nvr: null,
    cause: {
      type: 'replay',
      key,
      message: build.cause.message,
      wave: null,
      agent: by.agent,
      reason: `replay ${by.run}`,
      parents: null,
    },
    attempt: 1,
  };
}
