/**
 * Where Docker sees a FROM: the rules of moby/buildkit's parser for lines, comments, continuations and here-documents,
 * written down once more and as plainly as they can be. It knows nothing of what instructions mean.
 */

/** The images of all FROM lines, as written. For files that the inspection takes; others are not looked at. */
export function fromsOf(text: string): readonly string[] {
  const lines = text.replace(/^\ufeff/, '').split('\n');
  const escapeSign = escapeOf(lines);
  const froms: string[] = [];
  let logical = '';
  let open = false;
  for (let at = 0; at < lines.length; at += 1) {
    const line = (lines[at] ?? '').replace(/\r+$/, '');
    const bare = trimmed(line);
    // Comments and blank lines go away, within a continued instruction too.
    if (bare === '' || bare.startsWith('#')) continue;
    const continued = new RegExp(`^(.*)\\${escapeSign}[ \\t]*$`, 's').exec(line);
    logical += open ? (continued?.[1] ?? line) : trimmed(continued?.[1] ?? line);
    open = continued !== null;
    if (open) continue;
    at = afterHeredocs(lines, at, logical, escapeSign);
    push(froms, logical);
    logical = '';
  }
  if (open) push(froms, logical);
  return froms;
}

function push(froms: string[], logical: string): void {
  const words = logical.split(/[\t\v\f\r ]+/).filter((word) => word !== '');
  if (words[0]?.toUpperCase() === 'FROM') froms.push(words.find((word, at) => at > 0 && !word.startsWith('--')) ?? '');
}

/** White space of Unicode at the beginning, as Go has it. */
function trimmed(line: string): string {
  return line.replace(/^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/, '');
}

/** Directives are the first lines, while they look like ones. */
function escapeOf(lines: readonly string[]): string {
  for (const line of lines) {
    const found = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(trimmed(line));
    if (found === null) return '\\';
    if (found[1]?.toLowerCase() === 'escape') return found[2] ?? '\\';
  }
  return '\\';
}

/** The line on which the last here-document of an instruction ends. */
function afterHeredocs(lines: readonly string[], from: number, logical: string, escapeSign: string): number {
  const keywords = logical.toUpperCase().split(/\s+/);
  const keyword = keywords[0] === 'ONBUILD' ? keywords[1] : keywords[0];
  if (!['RUN', 'COPY', 'ADD'].includes(keyword ?? '')) return from;
  let at = from;
  for (const word of shellWords(logical, escapeSign)) {
    const found = /^\d*<<(-?)([^<]+)$/s.exec(word);
    const name = (found?.[2] ?? '').replace(/["']/g, '').split(escapeSign).join('');
    if (found === null || name === '') continue;
    do at += 1;
    while (at < lines.length && ended(lines[at] ?? '', found[1] === '-') !== name);
  }
  return at;
}

function ended(line: string, chomp: boolean): string {
  const bare = line.replace(/\r+$/, '');
  return chomp ? bare.replace(/^\t+/, '') : bare;
}

/** Words of a shell: quotes and escapes keep white space. */
function shellWords(text: string, escapeSign: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charAt(at);
    if (sign === escapeSign && quote !== "'") {
      word += sign + text.charAt(at + 1);
      at += 1;
    } else if (quote === '' && trimmed(sign) === '') {
      if (word !== '') words.push(word);
      word = '';
    } else {
      word += sign;
      if (quote === '' && (sign === '"' || sign === "'")) quote = sign;
      else if (sign === quote) quote = '';
    }
  }
  if (word !== '') words.push(word);
  return words;
}
