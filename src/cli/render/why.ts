import type { Reason } from '../../why/index.js';
import type { Colour, Paint } from './colour.js';
import { type Line, withBranches } from './graph-tree.js';
import { dateTime, safe, shortId } from './text.js';

/** Codes of rules that say that all is well, or goes on by itself. */
const WELL: ReadonlySet<string> = new Set(['up_to_date', 'same_content']);
const GOES_ON: ReadonlySet<string> = new Set(['quiet', 'in_wave', 'under_way', 'not_begun']);

/** An answer as a tree: a line for each sentence with its time and what can be asked for next, below it what led to it. */
export function whyTree(root: Reason, paint: Paint): string {
  const lines: Line[] = [];
  const left: { readonly told: Reason; readonly depth: number }[] = [{ told: root, depth: 0 }];
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    const { told, depth } = at;
    lines.push({ depth, text: lineOf(told, depth === 0, paint) });
    for (const next of [...told.because].reverse()) left.push({ told: next, depth: depth + 1 });
  }
  return withBranches(lines).join('\n');
}

function lineOf(told: Reason, isFirst: boolean, paint: Paint): string {
  const { kind, text, code, at } = told;
  const colour = isFirst ? 'bold' : kind === 'rule' ? colourOf(code) : null;
  const said = colour === null ? safe(text) : paint(colour, safe(text));
  const more = [
    ...(code === null ? [] : [`[${safe(code)}]`]),
    ...(at === null ? [] : [dateTime(at)]),
    ...idsOf(told, isFirst).map(safe),
  ];
  return more.length === 0 ? said : `${said}  ${paint('grey', more.join('  '))}`;
}

/** What can be asked for next: a build by the beginning of its id, all else whole. A build further down has its digest in the line above. */
function idsOf({ kind, ids: { build, wave, message, digest } }: Reason, isFirst: boolean): readonly string[] {
  const isTold = kind === 'build' && !isFirst;
  return [
    ...(build === undefined ? [] : [`build ${shortId(build)}`]),
    ...(wave === undefined ? [] : [`wave ${wave}`]),
    ...(message === undefined ? [] : [`message ${message}`]),
    ...(digest === undefined || isTold ? [] : [digest]),
  ];
}

function colourOf(code: string | null): Colour | null {
  if (code === null) return null;
  if (WELL.has(code)) return 'green';
  return GOES_ON.has(code) ? 'cyan' : 'yellow';
}
