import { ok } from '../../../src/kernel/result.js';
import type { Push } from '../../../src/trigger/decide/push.js';
import type { TriggerSettings } from '../../../src/trigger/settings.js';
import { PREFIX, sampleCommit } from '../../support/samples.js';

/** A dist-git with one namespace of ours, a monorepo of two images, and targets of every sort. */
export const SETTINGS: TriggerSettings = {
  prefix: PREFIX,
  sources: [
    { match: { namespace: 'container' }, clone: 'https://src.example.org/{namespace}/{repo}.git', component: '{repo}' },
    {
      match: { namespace: 'apps', host: 'forge.example.org' },
      clone: 'https://forge.example.org/{namespace}/{repo}.git',
      component: 'apps/{repo}',
    },
  ],
  targets: [
    { name: 'f41', refs: ['f41'], onBranchCreate: 'build', closed: false },
    { name: 'f40', refs: ['f40'], onBranchCreate: 'build', closed: true },
    { name: 'rawhide', refs: ['main', 'rawhide-*'], onBranchCreate: 'skip', closed: false },
    { name: 'edge', refs: ['main'], onBranchCreate: 'build', closed: false },
    { name: 'released', refs: ['tags/v*'], onBranchCreate: 'build', closed: false },
  ],
  sourcePatienceMs: 3_600_000,
  components: [
    {
      component: 'tools',
      repository: 'container/monorepo',
      path: 'images/tools',
      watch: ['images/tools/**', 'lib/**'],
      buildArgs: { LANG: 'C.UTF-8' },
    },
    { component: 'shell', repository: 'container/monorepo', path: 'images/shell', watch: [], buildArgs: {} },
    { component: 'httpd', repository: null, path: '', watch: [], buildArgs: { MPM: 'event' } },
  ],
};

/** A push of a commit to `f41` of `container/nginx`. */
export function samplePush(parts: Partial<Push> = {}): Push {
  return {
    kind: 'dist_git',
    host: null,
    namespace: 'container',
    repo: 'nginx',
    fork: false,
    ref: ok('f41'),
    commit: ok(sampleCommit('nginx')),
    before: sampleCommit('before'),
    created: false,
    paths: ['Dockerfile'],
    agent: 'ralph',
    missing: [],
    ...parts,
  };
}
