/** The labels as one step at the end of the Dockerfile. */
import { isSpace } from './dockerfile-words.js';
import { BUILD_LABEL, COMPONENT_LABEL, TARGET_LABEL } from './labels.js';
import { markSteps, stepMark } from './step-mark.js';

/** What goes into the Dockerfile, and what has to be given to the engine beside it. */
export interface LabelledDockerfile {
  readonly text: string;
  /** Labels that could not be written into the text. */
  readonly rest: Readonly<Record<string, string>>;
  /** Steps that were added. */
  readonly steps: number;
}

/** Safe between single quotes whatever the file's escape character is, and in a name without any. */
const PLAIN_VALUE = /^[^'\\`\r\n\0]*$/;
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]*$/;
/** A line that goes on into whatever follows it. */
const OPEN_END = /[\\`][ \t\r]*$/;

/**
 * Adds one `LABEL` instruction to the final stage. The classic builder makes a step, a container and an image of each
 * label that it gets through its API; of one instruction it makes one, however many labels that has. Steps before it get
 * their mark, where the file has a place for it.
 */
export function withLabels(unmarked: string, labels: Readonly<Record<string, string>>): LabelledDockerfile {
  const text = withMark(unmarked, labels);
  const fits = ([name, value]: readonly [string, string]): boolean => PLAIN_NAME.test(name) && PLAIN_VALUE.test(value);
  const entries = Object.entries(labels);
  const plain = isOpenEnded(text) ? [] : entries.filter(fits);
  if (plain.length === 0) return { text, rest: labels, steps: 0 };
  const end = text.endsWith('\n') ? '' : '\n';
  const instruction = `LABEL ${plain.map(([name, value]) => `${name}='${value}'`).join(' ')}`;
  const rest = Object.fromEntries(entries.filter((entry) => !plain.includes(entry)));
  return { text: `${text}${end}${instruction}\n`, rest, steps: 1 };
}

/** Only where a build's id comes in the mark's place. */
function withMark(text: string, labels: Readonly<Record<string, string>>): string {
  const { [BUILD_LABEL]: build, [COMPONENT_LABEL]: component, [TARGET_LABEL]: target } = labels;
  if (build === undefined || component === undefined || target === undefined) return text;
  return markSteps(text, stepMark({ component, target }));
}

/** True when the last instruction goes on: blank lines and comments do not end it (as dockerfile-lines.ts reads them). */
function isOpenEnded(text: string): boolean {
  for (let end = text.length; end > 0; ) {
    const start = text.lastIndexOf('\n', end - 1) + 1;
    const line = text.slice(start, end);
    const first = [...line].find((character) => !isSpace(character));
    if (first !== undefined && first !== '#') return OPEN_END.test(line);
    end = start - 1;
  }
  return false;
}
