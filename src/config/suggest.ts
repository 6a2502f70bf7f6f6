/** The known word that a wrong one was probably meant to be; null when none is near. */
export function suggest(wrong: string, known: readonly string[]): string | null {
  if (wrong.length > 64) return null;
  const plain = (word: string): string => word.toLowerCase().replaceAll(/[-_ ]/g, '');
  const near = known
    .map((word) => ({ word, distance: distance(plain(wrong), plain(word)) }))
    .filter(({ word, distance: d }) => d <= Math.max(1, Math.floor(Math.min(word.length, wrong.length) / 3)))
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.word ?? null;
}

/** Insertions, deletions and replacements between two words (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
