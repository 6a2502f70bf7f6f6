import { ServiceError } from '../kernel/service-error.js';
import type { BuildRow, Ledger } from '../ledger/index.js';
import { shortId } from './render/text.js';

/** Rows that are named when a text fits several. */
const NAMED = 5;

/** The one build that a person means by an id, its beginning, an NVR or a component. Throws `not_found`, `usage`. */
export function findBuild(ledger: Ledger, text: string): BuildRow {
  const found = ledger.find(text);
  const rows = found.length > 0 ? found : ledger.builds({ component: text, limit: 1 });
  const [row] = rows;
  if (row === undefined) {
    throw new ServiceError('not_found', `there is no build ${JSON.stringify(text)}`);
  }
  if (rows.length > 1) {
    throw new ServiceError('usage', `${JSON.stringify(text)} fits ${rows.length} builds; give more of the id`, {
      detail: rows
        .slice(0, NAMED)
        .map((each) => `${shortId(each.id)} ${each.nvr ?? each.component} ${each.target} ${each.state}`)
        .join('\n'),
    });
  }
  return row;
}
