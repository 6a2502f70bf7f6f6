import { type Failure, failure } from '../../kernel/failure.js';
import { parseImageRef } from '../../kernel/image-ref.js';
import { LIMITS } from '../../kernel/limits.js';
import { err, ok, type Result } from '../../kernel/result.js';
import { type DockerfileLines, type Fault, type Instruction, placeOf, readLines } from './dockerfile-lines.js';
import {
  baseOf,
  labelsOf,
  lookUpIn,
  lookUpOutside,
  type Outside,
  platformArgs,
  type Stage,
  takeArg,
  takePairs,
} from './dockerfile-scope.js';
import { expand, type Flags, splitFlags, splitPlainly, unquote, type Word } from './dockerfile-words.js';
import type { Construct, DockerfileFacts, Frontend, ParentReference } from './facts.js';

const STEP = 'inspect';
const MAX_STAGES = 200;
const MAX_PARENTS = 1_000;
/** Longest sentence about a fault, in characters. */
const MAX_MESSAGE = 600;
const SCRATCH = 'scratch';
const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;
/** `ADD` sources that the engine fetches (moby/buildkit, util/gitutil and instructions). */
const FROM_NETWORK = /^(?:https?|ftp|git|ssh):\/\/|^[\w.-]+@[\w.-]+:/i;
/** The build argument by which BuildKit takes a frontend as by `# syntax=`. */
const SYNTAX_ARG = 'BUILDKIT_SYNTAX';
/** BuildKit of any age, as against the classic builder. */
const ANY_BUILDKIT: Frontend = 1;

const KEYWORDS = new Set([
  ...['ADD', 'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'HEALTHCHECK', 'LABEL', 'MAINTAINER'],
  ...['ONBUILD', 'RUN', 'SHELL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'],
]);
const NEEDS_ARGUMENT = new Set(['EXPOSE', 'MAINTAINER', 'ONBUILD', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR']);

/** Flags that the classic builder does not know, and the first frontend that does. */
const FLAG_SINCE: Readonly<Record<string, Frontend>> = {
  'RUN --mount': 2,
  'RUN --network': 3,
  'RUN --security': 3,
  'COPY --chmod': 2,
  'COPY --link': 4,
  'COPY --parents': 20,
  'COPY --exclude': 19,
  'ADD --chmod': 2,
  'ADD --link': 4,
  'ADD --checksum': 6,
  'ADD --keep-git-dir': 6,
  'ADD --exclude': 19,
};
const HEREDOC_SINCE: Frontend = 4;

export interface InspectOptions {
  /** Name of the file, for sentences. */
  readonly path: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** As `linux/amd64`, for `TARGETARCH` and the like; left out, they are not known. */
  readonly platform?: string;
}

/**
 * Reads a Dockerfile as BuildKit's frontend does, without running anything. Never throws; takes time in proportion to
 * the text. Refusal: `dockerfile_invalid`, with the line and what is wrong with it.
 */
export function inspectDockerfile(text: string, options: InspectOptions): Result<DockerfileFacts, Failure> {
  const refuse = ({ line, message }: Fault) => {
    // A name in the file may be as long as the file.
    const said = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : `${message}.`;
    return err(failure('dockerfile_invalid', STEP, `${options.path}${line === 0 ? '' : `, line ${line}`}: ${said}`));
  };
  // Each character is a byte or more.
  if (text.length > LIMITS.dockerfileBytes)
    return refuse({ line: 0, message: `the file is larger than ${LIMITS.dockerfileBytes} bytes` });
  const lines = readLines(text);
  if (!lines.ok) return refuse(lines.error);
  const reading = newReading(options, lines.value);
  for (const instruction of lines.value.instructions) {
    const message = read(reading, instruction);
    if (message !== null) return refuse({ line: instruction.line, message });
  }
  const final = reading.stages.at(-1);
  if (final === undefined) return refuse({ line: 0, message: 'there is no FROM' });
  for (const reference of reading.references) {
    const message = settle(reading, reference);
    if (message !== null) return refuse({ line: reference.instruction.line, message });
    if (reading.parents.length > MAX_PARENTS)
      return refuse({ line: reference.instruction.line, message: `there are more than ${MAX_PARENTS} references` });
  }
  return ok(factsOf(reading, final));
}

/** Bytes of a Dockerfile as text, or `dockerfile_invalid` when they are not UTF-8 and could not be written back. */
export function decodeDockerfile(bytes: Uint8Array, path: string): Result<string, Failure> {
  try {
    return ok(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return err(failure('dockerfile_invalid', STEP, `${path}: the file is not text in UTF-8.`));
  }
}

/** `COPY --from` and `RUN --mount=from` may name a later stage, so they are settled when all stages are known. */
interface Reference {
  readonly instruction: Instruction;
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly via: 'copy' | 'mount';
  readonly stage: number;
}

interface Reading {
  readonly escapeSign: string;
  readonly outside: Outside;
  readonly stages: Stage[];
  readonly references: Reference[];
  readonly parents: ParentReference[];
  readonly syntax: DockerfileFacts['syntax'];
  readonly addUrls: { url: string; line: number }[];
  readonly secrets: { kind: 'secret' | 'ssh'; line: number }[];
  readonly constructs: Construct[];
  readonly platforms: { platform: string; line: number }[];
}

function newReading({ buildArgs, platform }: InspectOptions, { escapeSign, syntax }: DockerfileLines): Reading {
  const byArgument = Object.hasOwn(buildArgs, SYNTAX_ARG) ? buildArgs[SYNTAX_ARG] : undefined;
  return {
    escapeSign,
    outside: { buildArgs, platform: platformArgs(platform ?? null), metaArgs: new Map() },
    stages: [],
    references: [],
    parents: [],
    syntax: byArgument === undefined ? syntax : { image: byArgument, line: 0 },
    addUrls: [],
    secrets: [],
    constructs: [],
    platforms: [],
  };
}

function factsOf(reading: Reading, final: Stage): DockerfileFacts {
  const labels = [...labelsOf(final)];
  return {
    parents: reading.parents.toSorted((a, b) => a.place.start - b.place.start),
    stages: reading.stages.length,
    base: baseOf(final),
    platforms: reading.platforms,
    labels: Object.fromEntries(labels.filter((label): label is [string, string] => label[1] !== null)),
    unknownLabels: labels.filter(([, value]) => value === null).map(([name]) => name),
    syntax: reading.syntax,
    addUrls: reading.addUrls,
    secrets: reading.secrets,
    constructs: reading.constructs.toSorted((a, b) => a.line - b.line),
  };
}

/** Takes one instruction in; gives a sentence when it can't stand so. */
function read(reading: Reading, instruction: Instruction): string | null {
  const { keyword, text, rest } = instruction;
  const stage = reading.stages.at(-1) ?? null;
  if (!KEYWORDS.has(keyword)) return `${quote(keyword)} is no instruction`;
  if (instruction.heredoc) note(reading, instruction, 'here-documents', HEREDOC_SINCE);
  if (keyword === 'FROM') return readFrom(reading, instruction);
  if (keyword === 'ARG') return takeArg(text, rest, reading.escapeSign, reading.outside, stage);
  if (stage === null) return `${keyword} stands before the first FROM, where only ARG may`;
  if (NEEDS_ARGUMENT.has(keyword) && splitPlainly(text, rest).length === 0) return `${keyword} needs an argument`;
  switch (keyword) {
    case 'ENV':
    case 'LABEL':
      return takePairs(keyword, text, rest, reading.escapeSign, stage);
    case 'COPY':
    case 'ADD':
      return readCopy(reading, instruction, keyword, stage);
    case 'RUN':
      return readRun(reading, instruction);
    default:
      return null;
  }
}

function readFrom(reading: Reading, instruction: Instruction): string | null {
  const { text } = instruction;
  const flags = splitFlags(text, instruction.rest);
  const [image, as, name, more] = splitPlainly(text, flags.rest);
  if (image === undefined) return 'FROM needs an image';
  if (as !== undefined && (as.raw.toUpperCase() !== 'AS' || name === undefined || more !== undefined))
    return 'FROM takes an image and, after AS, a name for the stage, and nothing more';
  const stageName = name?.raw.toLowerCase() ?? null;
  if (stageName !== null && (!STAGE_NAME.test(stageName) || stageName === SCRATCH))
    return `${quote(name?.raw ?? '')} cannot be a stage’s name`;
  const platform = flags.flags.find((flag) => flag.name === 'platform');
  if (platform !== undefined) {
    const asked = expand(
      platform.value,
      (variable) => lookUpOutside(reading.outside, variable),
      reading.escapeSign,
    ).value;
    reading.platforms.push({ platform: asked ?? platform.value, line: instruction.line });
  }
  if (reading.stages.length >= MAX_STAGES) return `there are more than ${MAX_STAGES} stages`;
  const { value, unset } = expand(
    image.raw,
    (variable) => lookUpOutside(reading.outside, variable),
    reading.escapeSign,
  );
  if (unset[0] !== undefined)
    return `FROM uses \${${unset[0]}}, which has no value. Give ARG ${unset[0]} a default before the first FROM, or a build argument`;
  if (value === null) return `FROM uses a variable in a way that is not understood: ${quote(image.raw)}`;
  if (usesPlatform(reading, image.raw)) note(reading, instruction, 'platform variables in FROM', ANY_BUILDKIT);
  const parent = findStage(reading, value.toLowerCase());
  const written = parent === null && value !== SCRATCH ? value : null;
  if (written !== null) {
    const parsed = parseImageRef(written);
    if (!parsed.ok) return parsed.error;
    const place = placeOf(instruction, image.start, image.end);
    reading.parents.push({ written, place, via: 'from', stage: reading.stages.length });
    if (reading.parents.length > MAX_PARENTS) return `there are more than ${MAX_PARENTS} references`;
  }
  const empty = { env: new Map(), args: new Map(), labels: new Map() };
  reading.stages.push({ name: stageName, parent, image: written, ...empty });
  return null;
}

function usesPlatform({ outside }: Reading, raw: string): boolean {
  const names = raw.match(/(?:BUILD|TARGET)(?:PLATFORM|OS|ARCH|VARIANT)/g) ?? [];
  return names.some((name) => !outside.metaArgs.has(name));
}

function readCopy(reading: Reading, instruction: Instruction, keyword: 'COPY' | 'ADD', stage: Stage): string | null {
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

function readRun(reading: Reading, instruction: Instruction): string | null {
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
function settle(reading: Reading, { instruction, name, start, end, via, stage }: Reference): string | null {
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

function findStage(reading: Reading, lowerName: string): Stage | null {
  return reading.stages.findLast(({ name }) => name === lowerName) ?? null;
}

function noteFlags(reading: Reading, instruction: Instruction, { flags }: Flags): void {
  for (const { name } of flags) {
    const construct = `${instruction.keyword} --${name}`;
    const since = Object.hasOwn(FLAG_SINCE, construct) ? FLAG_SINCE[construct] : undefined;
    if (since !== undefined) note(reading, instruction, construct, since);
  }
}

function note(reading: Reading, { line }: Instruction, construct: string, since: Frontend): void {
  reading.constructs.push({ construct, line, since });
}

function quote(text: string): string {
  return JSON.stringify(unquote(text.slice(0, 80)));
}
