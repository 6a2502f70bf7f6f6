import type { Build } from '../../messages/index.js';
import type { HandPlan } from '../../rebuilds/index.js';
import type { Paint } from './colour.js';
import { safe, shortId } from './text.js';

/** What is asked for and what not, an object a line. `builds`: those that were asked for, none in a dry run. */
export function planJson({ asks, nots }: HandPlan, builds: readonly Build[]): readonly object[] {
  return [
    ...asks.map(({ basis, kind, pins }, index) => ({
      asks: true,
      build: builds[index]?.id ?? null,
      component: basis.component,
      target: basis.target,
      kind,
      from: { build: basis.id, nvr: basis.nvr },
      commit: basis.source.commit,
      parents: pins,
    })),
    ...nots.map(({ component, target, code, reason }) => ({ asks: false, component, target, code, reason })),
  ];
}

/** The same for people: a line for each, below it what it is pinned to. */
export function planText({ asks, nots }: HandPlan, builds: readonly Build[], paint: Paint): string {
  const verb = builds.length === 0 ? 'would ask for' : 'asks for';
  const lines = asks.flatMap(({ basis, kind, pins }, index) => {
    const build = builds[index];
    const what = kind === 'scratch' ? 'a scratch build' : 'a build';
    const from = `from ${basis.nvr ?? `the build ${shortId(basis.id)}`}, commit ${basis.source.commit.slice(0, 12)}`;
    return [
      `${paint('green', verb)} ${safe(`${basis.target}/${basis.component}`)}  ${what} ${safe(from)}${build === undefined ? '' : `  ${build.id}`}`,
      ...(pins ?? []).map(({ name, digest }) => `  on ${safe(name)} as ${digest}`),
    ];
  });
  const not = nots.map(
    ({ component, target, code, reason }) =>
      `${paint('yellow', 'not')} ${safe(`${target}/${component}`)}  ${safe(reason)} [${code}]`,
  );
  return [...lines, ...not].join('\n');
}
