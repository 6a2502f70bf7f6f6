import type { Finding, Tally } from '../../planner/index.js';
import { type Column, table } from './table.js';
import { safe } from './text.js';

type Fault = Extract<Finding, { readonly kind: 'fault' }>;
type Shown = Exclude<Finding, Fault>;

const COLUMNS: readonly Column[] = [
  { title: 'IMAGE', flexible: true },
  { title: 'WHAT', flexible: true },
  { title: 'BUILD' },
  { title: 'THEN' },
];

const ACTION = { asked: 'asked for', would_ask: 'would be asked for', waits: 'was asked for before' } as const;
const SHORT = 12;

/** A row for each thing that is not as it should be. */
export function findingsTable(findings: readonly Shown[], width: number): Promise<string> {
  const rows = findings.map((finding) => [
    safe(`${finding.target}/${finding.component}`),
    safe(whatOf(finding)),
    finding.build.slice(0, 8),
    thenOf(finding),
  ]);
  return table(COLUMNS, rows, width);
}

function whatOf(finding: Shown): string {
  switch (finding.kind) {
    case 'head': {
      const { ref, commit, last } = finding;
      const since = last === null ? 'was never heard of' : `was ${last.slice(0, SHORT)}`;
      return `the head of ${ref} is ${commit.slice(0, SHORT)}, and ${since}`;
    }
    case 'names': {
      const names = finding.wrong.map(
        ({ reference, digest }) =>
          `${tagOf(reference)} ${digest === null ? 'is not there' : 'stands for another image'}`,
      );
      return names.join(', ');
    }
    case 'gone':
      return `the image ${finding.nvr ?? ''} is gone from its registry`;
  }
}

function thenOf(finding: Shown): string {
  return finding.kind === 'gone'
    ? `layerwright build ${finding.component} --target ${finding.target}`
    : ACTION[finding.action];
}

function tagOf(reference: string): string {
  return reference.slice(reference.lastIndexOf(':') + 1);
}

/** What was looked at, and what came of it. */
export function tallyLines(tally: Tally, dryRun: boolean): readonly string[] {
  const { repositories, heads, names, missed, moved, gone, stale, unfinished, unbegun } = tally;
  const would = dryRun ? ' would be' : ' were';
  const lines = [
    `${count(heads, 'head')} of ${count(repositories, 'repository', 'repositories')}: ${missed === 0 ? 'none was missed' : `${count(missed, 'build')}${would} asked for`}`,
    `${count(names, 'name')} of images: ${moved === 0 ? 'all are right' : `those of ${count(moved, 'image')}${would} put right`}${gone === 0 ? '' : `; ${count(gone, 'image')} gone`}`,
  ];
  if (stale > 0) lines.push(`${count(stale, 'image')} out of date: rebuilt in waves`);
  if (unfinished + unbegun > 0)
    lines.push(
      `${count(unfinished, 'build')} that nobody works on, ${unbegun} that nobody has begun: asked for again by the planner`,
    );
  return lines;
}

/** As `layerwright: git.example.org: can’t be reached (3 were not looked at)`. */
export function faultNote({ place, reason, missed }: Fault): string {
  const more = missed > 1 ? ` (${missed} were not looked at)` : '';
  return `layerwright: ${safe(place)}: ${safe(reason)}${more}`;
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
