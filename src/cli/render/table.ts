import { cut } from './text.js';

export interface Column {
  readonly title: string;
  /** Colours a cell after it was cut to its width. */
  readonly paint?: (text: string) => string;
  /** True for the column that is cut first when the terminal is narrow. */
  readonly flexible?: boolean;
}

/** Columns between two columns of the table, and the narrowest that a flexible one gets. */
const GAP = 2;
const NARROWEST = 8;

/** A table without lines, as wide as its content or as the terminal. No row is broken over two lines. */
export async function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const natural = columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const widths = fit(columns, natural, width);
  const shown = new Table({
    head: columns.map((column, index) => cut(column.title, widths[index] ?? 0)),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: ' '.repeat(GAP),
    },
  });
  for (const row of rows) {
    shown.push(
      columns.map((column, index) => {
        const cell = cut(row[index] ?? '', widths[index] ?? 0);
        return column.paint ? column.paint(cell) : cell;
      }),
    );
  }
  return shown
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Takes from flexible columns, then from the widest, until the table fits. */
function fit(columns: readonly Column[], natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  const total = (): number => widths.reduce((sum, column) => sum + column, 0) + GAP * (widths.length - 1);
  for (const flexibleOnly of [true, false]) {
    for (let over = total() - width; over > 0; over = total() - width) {
      const at = widest(widths, (index) => !flexibleOnly || columns[index]?.flexible === true);
      if (at === null) break;
      widths[at] = Math.max(NARROWEST, (widths[at] ?? 0) - over);
    }
  }
  return widths;
}

function widest(widths: readonly number[], allowed: (index: number) => boolean): number | null {
  let best: number | null = null;
  for (const [index, width] of widths.entries()) {
    if (allowed(index) && width > NARROWEST && width > (best === null ? 0 : (widths[best] ?? 0))) best = index;
  }
  return best;
}
