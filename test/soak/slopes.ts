/** What a figure does over a run: the slope of the line that lies nearest to its samples. */

export interface Point {
  /** Builds so far. */
  readonly at: number;
  readonly value: number;
}

/** Least squares, per 1,000 builds, of the points that have a value; null for fewer than two places. */
export function slopePer1000(all: readonly Point[]): number | null {
  const points = all.filter((point) => Number.isFinite(point.value));
  const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
  const at = mean(points.map((point) => point.at));
  const value = mean(points.map((point) => point.value));
  const spread = points.reduce((sum, point) => sum + (point.at - at) ** 2, 0);
  if (points.length < 2 || spread === 0) return null;
  const together = points.reduce((sum, point) => sum + (point.at - at) * (point.value - value), 0);
  return (1_000 * together) / spread;
}

/** Without the beginning, in which caches fill and code is compiled. */
export function afterWarmUp<T extends { readonly builds: number }>(samples: readonly T[]): readonly T[] {
  const last = samples.at(-1)?.builds ?? 0;
  return samples.filter(({ builds }) => builds >= last / 4);
}
