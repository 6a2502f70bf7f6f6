import type { Item, Outcome } from '../../keeper/index.js';
import { type Column, table } from './table.js';
import { ago, bytes, safe } from './text.js';

const COLUMNS: readonly Column[] = [
  { title: 'what' },
  { title: 'name', flexible: true },
  { title: 'where', flexible: true },
  { title: 'bytes' },
  { title: 'last used' },
  { title: 'why' },
];

const WHY: Readonly<Record<Item['reason'], string>> = {
  too_old: 'too old',
  over_keep_bytes: 'over the bound',
  left_behind: 'left behind',
  retired: 'old build',
};

const STAYED: Readonly<Record<Exclude<Outcome, 'gone'>, string>> = {
  in_use: 'stays: in use',
  refused: 'stays: refused',
};

/** A row for each thing that goes, or would go. */
export function pruneTable(
  rows: readonly { readonly item: Item; readonly outcome: Outcome | null }[],
  now: Date,
  width: number,
): Promise<string> {
  const cells = rows.map(({ item, outcome }) => [
    item.what,
    safe(item.name),
    safe(item.area === 'tags' ? item.place.slice(item.place.indexOf('/') + 1) : item.place),
    item.bytes === null ? '' : bytes(item.bytes),
    item.usedAt === null ? '' : ago(item.usedAt, now),
    outcome === null || outcome === 'gone' ? WHY[item.reason] : STAYED[outcome],
  ]);
  return table(COLUMNS, cells, width);
}

/** As `7 things are gone, 1.2 GiB`. */
export function sumLine(
  sum: { readonly gone: number; readonly bytes: number; readonly stayed: number },
  dryRun: boolean,
): string {
  const { gone, stayed } = sum;
  const things = gone === 1 ? '1 thing' : `${gone} things`;
  const verb = dryRun ? 'would go' : gone === 1 ? 'is gone' : 'are gone';
  const rest = stayed === 0 ? '' : `; ${stayed} stay`;
  return gone === 0 && stayed === 0 ? 'nothing is old enough to go' : `${things} ${verb}, ${bytes(sum.bytes)}${rest}`;
}
