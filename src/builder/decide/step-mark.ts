/**
 * The mark of steps. An image between two steps has no label of its build yet: a label that changes with each build would
 * keep the next from its cache. It gets one that all builds of its component and target share, and the build's last step
 * puts the build's id in its place. What still has the mark is thus of a build that came to no end, and no user's.
 */
import type { Stream } from '../../ledger/index.js';
import { type Instruction, placeOf, readLines } from './dockerfile-lines.js';
import { splitWords } from './dockerfile-words.js';
import { BUILD_LABEL } from './labels.js';

const MARK = /^steps:([^/]+)\/([^/]+)$/;

/** Value of the label `io.layerwright.build` on images between the steps of these builds. */
export function stepMark({ component, target }: Stream): string {
  return `steps:${encoded(target)}/${encoded(component)}`;
}

/** Whose steps a value of the label names; null for a build's id and whatever else. */
export function markedStream(value: string): Stream | null {
  const [, target, component] = MARK.exec(value) ?? [];
  if (target === undefined || component === undefined) return null;
  try {
    return { component: decodeURIComponent(component), target: decodeURIComponent(target) };
  } catch {
    return null;
  }
}

/**
 * Puts the mark into the first `LABEL` instruction of each stage, as a step of its own takes time: a stage without one
 * stays without the mark. Every other character stays as it is.
 */
export function markSteps(text: string, mark: string): string {
  const lines = readLines(text);
  if (!lines.ok) return text;
  const { instructions, escapeSign } = lines.value;
  const pieces: string[] = [];
  let from = 0;
  let isMarked = false;
  for (const instruction of instructions) {
    if (instruction.keyword === 'FROM') isMarked = false;
    else if (!isMarked && isLabelOfPairs(instruction, escapeSign)) {
      const { end } = placeOf(instruction, 0, instruction.rest);
      pieces.push(text.slice(from, end), ` ${BUILD_LABEL}='${mark}'`);
      from = end;
      isMarked = true;
    }
  }
  return [...pieces, text.slice(from)].join('');
}

/** In the other form, `LABEL name value`, all of the line is one value. */
function isLabelOfPairs({ keyword, text, rest }: Instruction, escapeSign: string): boolean {
  return keyword === 'LABEL' && splitWords(text, rest, escapeSign)[0]?.raw.includes('=') === true;
}

/** Without what would end a quoted value. */
function encoded(name: string): string {
  return encodeURIComponent(name).replaceAll("'", '%27');
}
