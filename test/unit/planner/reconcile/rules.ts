/** The trigger's own rules on a small configuration, as the command line gives them to reconcile. */
import { reconcilePorts } from '../../../../src/cli/reconcile-ports.js';
import { silentLogger } from '../../../../src/observability/index.js';
import type { ReconcilePorts } from '../../../../src/planner/index.js';

export const HTTPD = 'https://src.example.org/container/httpd.git';
/** Holds `tools` (images/tools and lib) and `shell` (images/shell). */
export const MONOREPO = 'https://src.example.org/container/monorepo.git';

const COMPONENTS = [
  { component: 'tools', repository: 'container/monorepo', path: 'images/tools', watch: ['images/tools/**', 'lib/**'] },
  { component: 'shell', repository: 'container/monorepo', path: 'images/shell', watch: [] },
  { component: 'old', repository: 'container/old', path: '', watch: [], retired: true },
].map((rule) => ({ retired: false, buildArgs: {}, ...rule }));

const TARGETS = [
  { name: 'f41', refs: ['f41'] },
  { name: 'feature', refs: ['feature-*'], onBranchCreate: 'skip' as const },
  { name: 'closed', refs: ['f39'], closed: true },
  { name: 'released', refs: ['tags/v*'] },
].map((target) => ({ onBranchCreate: 'build' as const, closed: false, ...target }));

type Git = Parameters<typeof reconcilePorts>[1];
type Registries = Parameters<typeof reconcilePorts>[2];

export function portsOf(git: Git, registries: Registries): ReconcilePorts {
  const trigger = {
    prefix: 'org.example.test',
    sources: [
      {
        match: { namespace: 'container' },
        clone: 'https://src.example.org/{namespace}/{repo}.git',
        component: '{repo}',
      },
    ],
    targets: TARGETS,
    components: COMPONENTS,
    sourcePatienceMs: 1_000,
  };
  return reconcilePorts({ trigger, config: { components: COMPONENTS } }, git, registries, silentLogger);
}

/** Rules alone: nothing is outside. */
export function rules(): ReconcilePorts['wantedOf'] {
  const nothing = {} as Git;
  return portsOf(nothing, []).wantedOf;
}
