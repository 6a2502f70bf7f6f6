/** What the benches share: a figure as a row, and how it is held against its limit. */

/** One figure. `ok` compares it with `limit`; a row without a limit is for the reader only. */
export interface Row {
  readonly id: string;
  readonly value: number;
  readonly unit: string;
  readonly limit: number | null;
  readonly ok: boolean;
}

/** A figure that must not be above its limit. */
export function atMost(id: string, value: number, unit: string, limit: number): Row {
  return { id, value, unit, limit, ok: value <= limit };
}

/** A figure that must not be below its limit. */
export function atLeast(id: string, value: number, unit: string, limit: number): Row {
  return { id, value, unit, limit, ok: value >= limit };
}

/** A figure for the reader. */
export function shown(id: string, value: number, unit: string): Row {
  return { id, value, unit, limit: null, ok: true };
}

/** The middle value, of an even number the upper of two; NaN of none. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
