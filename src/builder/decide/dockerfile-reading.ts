/** What is gathered while a Dockerfile is read, instruction by instruction. */
import type { Instruction } from './dockerfile-lines.js';
import type { Outside, Stage } from './dockerfile-scope.js';
import { type Flags, unquote } from './dockerfile-words.js';
import type { Construct, DockerfileFacts, Frontend, ParentReference } from './facts.js';

/** The name of the empty image, which is no parent and no stage. */
export const SCRATCH = 'scratch';
/** BuildKit of any age, as against the classic builder. */
export const ANY_BUILDKIT: Frontend = 1;

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

/** `COPY --from` and `RUN --mount=from` may name a later stage, so they are settled when all stages are known. */
export interface Reference {
  readonly instruction: Instruction;
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly via: 'copy' | 'mount';
  readonly stage: number;
}

export interface Reading {
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

export function noteFlags(reading: Reading, instruction: Instruction, { flags }: Flags): void {
  for (const { name } of flags) {
    const construct = `${instruction.keyword} --${name}`;
    const since = Object.hasOwn(FLAG_SINCE, construct) ? FLAG_SINCE[construct] : undefined;
    if (since !== undefined) note(reading, instruction, construct, since);
  }
}

export function note(reading: Reading, { line }: Instruction, construct: string, since: Frontend): void {
  reading.constructs.push({ construct, line, since });
}

export function quote(text: string): string {
  return JSON.stringify(unquote(text.slice(0, 80)));
}
