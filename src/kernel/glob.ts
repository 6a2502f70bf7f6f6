/**
 * Patterns over names with slashes: `*` is any run of characters but `/`, a segment `**` any number of segments, none
 * included. Everything else stands for itself. Matching never backtracks more than once a star.
 */
export function globMatches(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name;
  const segments = name.split('/');
  let reach: boolean[] = [true, ...segments.map(() => false)];
  for (const part of pattern.split('/')) {
    const next: boolean[] = [part === '**' && reach[0] === true];
    for (let i = 1; i <= segments.length; i += 1) {
      next[i] =
        part === '**'
          ? reach[i] === true || next[i - 1] === true
          : reach[i - 1] === true && segmentMatches(part, segments[i - 1] ?? '');
    }
    reach = next;
  }
  return reach[segments.length] === true;
}

/** One segment against a pattern with `*`: greedy, going back only to the last star. */
function segmentMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p;
      mark = t;
      p += 1;
    } else if (p < pattern.length && pattern[p] === text[t]) {
      p += 1;
      t += 1;
    } else if (star !== -1) {
      mark += 1;
      t = mark;
      p = star + 1;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}
