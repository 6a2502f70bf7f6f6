/** Variables and labels of a Dockerfile's stages, as far as the file itself tells them. */
import { type Expanded, expand, type Looked, splitWords } from './dockerfile-words.js';

/** One stage while it is read. What it has from the stage that it is FROM is looked up there. */
export interface Stage {
  /** In small letters; null when it has none. */
  readonly name: string | null;
  /** The earlier stage that it is FROM; null for an image or `scratch`. */
  readonly parent: Stage | null;
  /** The image that it is FROM, as written; null for a stage or `scratch`. */
  readonly image: string | null;
  /** Null: only the engine knows the value. */
  readonly env: Map<string, string | null>;
  readonly args: Map<string, string | null | 'unset'>;
  readonly labels: Map<string, string | null>;
}

/** ARGs before the first FROM, and what the builder gives. */
export interface Outside {
  readonly buildArgs: Readonly<Record<string, string>>;
  /** `BUILDPLATFORM`, `TARGETARCH` and the like. */
  readonly platform: ReadonlyMap<string, string>;
  readonly metaArgs: Map<string, string | null | 'unset'>;
}

/** The variables that BuildKit declares by itself, for a build on the platform that it is for. */
export function platformArgs(platform: string | null): ReadonlyMap<string, string> {
  if (platform === null) return new Map();
  const [os = '', arch = '', variant = ''] = platform.split('/');
  const entries = Object.entries({ PLATFORM: platform, OS: os, ARCH: arch, VARIANT: variant });
  return new Map(
    entries.flatMap(([name, value]) => ['BUILD', 'TARGET'].map((side) => [`${side}${name}`, value] as const)),
  );
}

/** Variables as a FROM line sees them. */
export function lookUpOutside(outside: Outside, name: string): Looked {
  const platform = outside.platform.get(name);
  if (!outside.metaArgs.has(name)) return platform === undefined ? 'unset' : { value: platform };
  return looked(outside.metaArgs.get(name));
}

/** Variables as a stage's own instructions see them: ENV before ARG, then what the stage below has. */
export function lookUpIn(stage: Stage, name: string): Looked {
  for (let at: Stage | null = stage; at !== null; at = at.parent) {
    if (at.env.has(name)) return looked(at.env.get(name));
    // Builders differ in whether an ARG goes on into a stage that is FROM this one.
    if (at.args.has(name)) return at === stage ? looked(at.args.get(name)) : 'unknown';
    if (at.image !== null) return 'unknown';
  }
  return 'unset';
}

function looked(value: string | null | 'unset' | undefined): Looked {
  if (value === 'unset' || value === undefined) return 'unset';
  return value === null ? 'unknown' : { value };
}

/** Takes an ARG line in. `stage` is null before the first FROM. Returns a sentence when the line makes no sense. */
export function takeArg(
  text: string,
  from: number,
  escapeSign: string,
  outside: Outside,
  stage: Stage | null,
): string | null {
  const words = splitWords(text, from, escapeSign);
  if (words.length === 0) return 'ARG needs a name';
  for (const { raw } of words) {
    const equals = raw.indexOf('=');
    const name = equals === -1 ? raw : raw.slice(0, equals);
    if (name === '') return 'ARG needs a name before the equals sign';
    const into = stage === null ? outside.metaArgs : stage.args;
    into.set(name, argValue(name, equals === -1 ? null : raw.slice(equals + 1), escapeSign, outside, stage));
  }
  return null;
}

function argValue(
  name: string,
  fallback: string | null,
  escapeSign: string,
  outside: Outside,
  stage: Stage | null,
): string | null | 'unset' {
  if (Object.hasOwn(outside.buildArgs, name)) return outside.buildArgs[name] ?? 'unset';
  if (fallback !== null) return expanded(fallback, escapeSign, outside, stage).value;
  const inherited = stage === null ? undefined : outside.metaArgs.get(name);
  return inherited ?? (inherited === null ? null : (outside.platform.get(name) ?? 'unset'));
}

function expanded(raw: string, escapeSign: string, outside: Outside, stage: Stage | null): Expanded {
  return expand(raw, (name) => (stage === null ? lookUpOutside(outside, name) : lookUpIn(stage, name)), escapeSign);
}

/**
 * Takes an ENV or LABEL line in, in both forms. All values of a line see the variables as they were before it.
 * Returns a sentence when the line makes no sense.
 */
export function takePairs(
  keyword: 'ENV' | 'LABEL',
  text: string,
  from: number,
  escapeSign: string,
  stage: Stage,
): string | null {
  const pairs = readPairs(keyword, text, from, escapeSign);
  if (typeof pairs === 'string') return pairs;
  const seen = pairs.map(([name, value]) => [expandIn(name), expandIn(value)] as const);
  const into = keyword === 'ENV' ? stage.env : stage.labels;
  for (const [name, value] of seen) if (name !== null && name !== '') into.set(name, value);
  return null;

  function expandIn(raw: string): string | null {
    return expand(raw, (name) => lookUpIn(stage, name), escapeSign).value;
  }
}

function readPairs(keyword: string, text: string, from: number, escapeSign: string): [string, string][] | string {
  const words = splitWords(text, from, escapeSign);
  const [first] = words;
  if (first === undefined) return `${keyword} needs a name and a value`;
  if (!first.raw.includes('=')) {
    const split = /^([^\t\v\f\r ]+)[\t\v\f\r ]+/.exec(text.slice(first.start));
    const value = split === null ? '' : text.slice(first.start + split[0].length).trim();
    return split === null || value === '' ? `${keyword} needs a name and a value` : [[split[1] ?? '', value]];
  }
  const pairs: [string, string][] = [];
  for (const { raw } of words) {
    const equals = raw.indexOf('=');
    if (equals === -1) return `${keyword}: there is no equals sign in ${JSON.stringify(raw.slice(0, 80))}`;
    pairs.push([raw.slice(0, equals), raw.slice(equals + 1)]);
  }
  return pairs;
}

/** Labels of a stage with those of the stages below it. */
export function labelsOf(stage: Stage): ReadonlyMap<string, string | null> {
  const line: Stage[] = [];
  for (let at: Stage | null = stage; at !== null; at = at.parent) line.unshift(at);
  return new Map(line.flatMap(({ labels }) => [...labels]));
}

/** The image that a stage stands on in the end; null for `scratch`. */
export function baseOf(stage: Stage): string | null {
  let at = stage;
  while (at.parent !== null) at = at.parent;
  return at.image;
}
