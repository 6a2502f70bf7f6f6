/** Instructions that take files from elsewhere: COPY, ADD and RUN --mount, and the stages and images that they name. */
import { parseImageRef } from '../../kernel/image-ref.js';
import { type Instruction, placeOf } from './dockerfile-lines.js';
import { ANY_BUILDKIT, note, noteFlags, quote, type Reading, type Reference, SCRATCH } from './dockerfile-reading.js';
import { lookUpIn, type Stage } from './dockerfile-scope.js';
import { expand, splitFlags, splitPlainly, type Word } from './dockerfile-words.js';

/** `ADD` sources that the engine fetches (moby/buildkit, util/gitutil and instructions). */
const FROM_NETWORK = /^(?:https?|ftp|git|ssh):\/\/|^[\w.-]+@[\w.-]+:/i;

export function readCopy(
  reading: Reading,
  instruction: Instruction,
  keyword: 'COPY' | 'ADD',
  stage: Stage,
): string | null {
  const { text } = instruction;
  const flags = splitFlags(text, instruction.rest);
  noteFlags(reading, instruction, flags);
  for (const flag of flags.flags) {
    if (flag.name !== 'from') continue;
    const name = /^--from=(?:"([^"'\\]*)"|'([^"'\\]*)'|([^"'\\]*))$/.exec(flag.raw);
    if (name === null) return `write ${keyword} --from=NAME without quotes inside`;
    const quoted = name[3] === undefined ? 1 : 0;
    const start = flag.start + '--from='.length + quoted;
    const message = refer(reading, instruction, flag.value, start, flag.end - quoted, 'copy');
    if (message !== null) return message;
  }
  const paths = pathsOf(text, flags.rest);
  if (paths.length < 2) return `${keyword} needs a source and a destination`;
  if (keyword === 'COPY') return null;
  for (const raw of paths.slice(0, -1)) {
    const { value, known } = expand(raw, (name) => lookUpIn(stage, name), reading.escapeSign);
    if (FROM_NETWORK.test(value ?? known) || (value === null && known === ''))
      reading.addUrls.push({ url: (value ?? raw).slice(0, 200), line: instruction.line });
  }
  return null;
}

/** Sources and destination, from either form. */
function pathsOf(text: string, from: number): readonly string[] {
  if (text.charAt(from) === '[') {
    try {
      const list: unknown = JSON.parse(text.slice(from));
      if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list;
    } catch {
      // Not the JSON form, then: Docker takes it for words.
    }
  }
  return splitPlainly(text, from).map(({ raw }) => raw);
}

export function readRun(reading: Reading, instruction: Instruction): string | null {
  const flags = splitFlags(instruction.text, instruction.rest);
  noteFlags(reading, instruction, flags);
  for (const flag of flags.flags) {
    if (flag.name !== 'mount') continue;
    const message = readMount(reading, instruction, flag);
    if (message !== null) return message;
  }
  return null;
}

/** `--mount=type=cache,from=NAME,…`: comma-separated, keys in any case. */
function readMount(reading: Reading, instruction: Instruction, flag: Word & { readonly value: string }): string | null {
  const keys = flag.value.split(',').map((field) => {
    const [key = '', value = ''] = field.replaceAll('"', '').split('=', 2);
    return { key: key.trim().toLowerCase(), value };
  });
  for (const { key, value } of keys) {
    const kind = key === 'type' ? value.toLowerCase() : '';
    if (kind === 'secret' || kind === 'ssh') reading.secrets.push({ kind, line: instruction.line });
  }
  const from = keys.filter(({ key }) => key.includes('from'));
  if (from.length === 0) return null;
  const plain = [...flag.raw.matchAll(/[=,](from=)([^,="'\\]+)(?=,|$)/gi)];
  const [found] = plain;
  if (found?.[2] === undefined || plain.length !== 1 || from.length !== 1 || found[2] !== from[0]?.value)
    return 'write from=NAME in RUN --mount once and without quotes';
  if (/^[0-9]+$/.test(found[2])) return `RUN --mount cannot use a stage by its number: give stage ${found[2]} a name`;
  const start = flag.start + found.index + 1 + 'from='.length;
  return refer(reading, instruction, found[2], start, start + found[2].length, 'mount');
}

function refer(
  reading: Reading,
  instruction: Instruction,
  name: string,
  start: number,
  end: number,
  via: 'copy' | 'mount',
): string | null {
  if (name === '') return 'from= needs a stage or an image';
  if (name.includes('$'))
    return `variables do not work in from=: give ${quote(name)} a stage by FROM … AS name, and use that`;
  reading.references.push({ instruction, name, start, end, via, stage: reading.stages.length - 1 });
  return null;
}

/** Decides whether a reference is a stage or an image. */
export function settle(reading: Reading, { instruction, name, start, end, via, stage }: Reference): string | null {
  if (/^[0-9]+$/.test(name)) {
    const known = Number(name) < stage;
    return known ? null : `there is no stage ${name.slice(0, 20)} before this one`;
  }
  const lower = name.toLowerCase();
  const found = reading.stages.findLastIndex((candidate) => candidate.name === lower);
  if (found === stage) {
    const earlier = reading.stages.slice(0, stage).some((candidate) => candidate.name === lower);
    return earlier ? `two stages are called ${quote(name)}` : `the stage ${quote(name)} cannot copy from itself`;
  }
  // The classic builder knows only the stages above, and would pull an image of that name.
  if (found > stage) note(reading, instruction, 'the use of a later stage', ANY_BUILDKIT);
  if (found !== -1 || name === SCRATCH) return null;
  const parsed = parseImageRef(name);
  if (!parsed.ok) return parsed.error;
  reading.parents.push({ written: name, place: placeOf(instruction, start, end), via, stage });
  return null;
}
