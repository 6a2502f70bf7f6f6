import type { Build, Parent } from '../messages/index.js';
import { uniqueTag } from './decide/naming.js';
import { endingOf } from './ending.js';
import type { BuilderParts } from './parts.js';
import { placeOf } from './place.js';
import { prepare } from './prepare.js';
import type { BuilderSettings } from './settings.js';
import { surveyAnew } from './survey.js';

/** What a request would come to, as far as can be told without building. */
export type Explanation =
  | {
      readonly kind: 'would_build';
      readonly nvr: string;
      readonly version: string;
      readonly release: string;
      readonly repository: string;
      readonly registry: string;
      readonly tags: readonly string[];
      readonly parents: readonly Parent[];
      readonly dockerfile: string;
    }
  | { readonly kind: 'would_wait'; readonly message: string; readonly waitingFor: readonly string[] }
  | { readonly kind: 'would_fail'; readonly code: string; readonly message: string };

/** Where no engine is configured to ask. */
const DEFAULT_PLATFORM = 'linux/amd64';

type Parts = Pick<BuilderParts, 'bus' | 'ledger' | 'git' | 'registries' | 'clock'>;

/** Does steps 5 and 6 for a request and says what would follow; claims, builds and publishes nothing. */
export async function explainBuild(
  settings: BuilderSettings,
  parts: Parts,
  build: Build,
  signal: AbortSignal,
): Promise<Explanation> {
  const place = placeOf(settings, parts.registries, build);
  if (place === null)
    return { kind: 'would_fail', code: 'config_invalid', message: `There is no target ${build.target}.` };
  try {
    const platform = settings.engines[0]?.platform ?? DEFAULT_PLATFORM;
    const source = await surveyAnew(parts, { ...place, platform, signal });
    const input = { ...place, platform, requestedAt: null };
    const { names, parents, dockerfile } = await prepare(settings, parts, input, source, null);
    const primary = names.primaryTag === null ? [] : [names.primaryTag];
    return {
      kind: 'would_build',
      nvr: names.nvr,
      version: names.version,
      release: names.release,
      repository: place.repository,
      registry: place.registry.host,
      tags: [...primary, ...names.floatingTags, uniqueTag(build.id)],
      parents,
      dockerfile,
    };
  } catch (thrown) {
    const ending = endingOf(thrown, signal, 'inspect');
    if (ending.kind === 'failed')
      return { kind: 'would_fail', code: ending.failure.code, message: ending.failure.message };
    if (ending.kind === 'waits') return { kind: 'would_wait', message: ending.message, waitingFor: ending.waitingFor };
    throw thrown;
  }
}
