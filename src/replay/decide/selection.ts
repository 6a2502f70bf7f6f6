import type { LedgerView } from '../ports.js';
import type { Selection } from '../settings.js';
import type { Reading } from './reading.js';

/** Whether a message is about the component and the build that are meant. */
export function isSelected(
  reading: Reading,
  { component, build }: Pick<Selection, 'component' | 'build'>,
  ledger: LedgerView,
): boolean {
  if (component === null && build === null) return true;
  const about = aboutOf(reading, ledger);
  return about.some(
    (each) =>
      (component === null || each.component === component) &&
      (build === null || each.build?.startsWith(build) === true),
  );
}

interface About {
  readonly component: string | null;
  readonly build: string | null;
}

function aboutOf(reading: Reading, ledger: LedgerView): readonly About[] {
  switch (reading.kind) {
    case 'request':
      return [{ component: reading.build.component, build: reading.build.id }];
    case 'command':
      return [{ component: ledger.build(reading.build)?.component ?? null, build: reading.build }];
    case 'push': {
      const { foreseen } = reading;
      if (foreseen.kind === 'refused') return [];
      return [
        ...foreseen.builds.map((each) => ({ component: each.component, build: each.id })),
        ...foreseen.refused.map((each) => ({ component: each.component, build: null })),
      ];
    }
    default:
      return [];
  }
}
