import { type Failure, failure } from '../../kernel/failure.js';
import { parseImageRef } from '../../kernel/image-ref.js';
import { LIMITS } from '../../kernel/limits.js';
import { err, ok, type Result } from '../../kernel/result.js';
import { readCopy, readRun, settle } from './dockerfile-copies.js';
import { type DockerfileLines, type Fault, type Instruction, placeOf, readLines } from './dockerfile-lines.js';
import { ANY_BUILDKIT, note, quote, type Reading, SCRATCH } from './dockerfile-reading.js';
import { baseOf, labelsOf, lookUpOutside, platformArgs, type Stage, takeArg, takePairs } from './dockerfile-scope.js';
import { expand, splitFlags, splitPlainly } from './dockerfile-words.js';
import type { DockerfileFacts, Frontend } from './facts.js';

const STEP = 'inspect';
const MAX_STAGES = 200;
const MAX_PARENTS = 1_000;
/** Longest sentence about a fault, in characters. */
const MAX_MESSAGE = 600;
const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;
/** The build argument by which BuildKit takes a frontend as by `# syntax=`. */
const SYNTAX_ARG = 'BUILDKIT_SYNTAX';
const KEYWORDS = new Set([
  ...['ADD', 'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'HEALTHCHECK', 'LABEL', 'MAINTAINER'],
  ...['ONBUILD', 'RUN', 'SHELL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'],
]);
const NEEDS_ARGUMENT = new Set(['EXPOSE', 'MAINTAINER', 'ONBUILD', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR']);

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

function findStage(reading: Reading, lowerName: string): Stage | null {
  return reading.stages.findLast(({ name }) => name === lowerName) ?? null;
}
