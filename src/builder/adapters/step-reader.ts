import { cleanLine } from '../decide/output.js';

/** A step of the Dockerfile, counted as the engine counts, without steps that are ours. */
export interface BuildStep {
  readonly number: number;
  readonly of: number;
  /** The instruction, cleaned and cut. */
  readonly instruction: string;
  /** Where the engine counts the steps of each stage for themselves: which of how many; else null. */
  readonly stage: { readonly number: number; readonly of: number } | null;
}

/** Reads what an engine says of its steps between the steps' own output. */
export interface StepReader {
  /** The step that runs, or ran last. */
  readonly step: BuildStep | null;
  /** Containers of the Dockerfile's own steps by their short id, with the step that each ran. */
  readonly containers: ReadonlyMap<string, BuildStep | null>;
  /** Those that the engine has not said to be gone. */
  readonly leftContainers: ReadonlySet<string>;
  /** Short ids of images that this build made; not parents, not those of the cache. */
  readonly images: ReadonlySet<string>;
  /** Short id of what the last of the Dockerfile's own steps made or found in the cache; null where the engine does not say. */
  readonly basis: string | null;
  /** One piece of the progress, which may be a step's output. */
  read(text: string): void;
}

const INSTRUCTION_CHARACTERS = 200;

/** An instruction as it is shown. */
export function instructionText(said: string): string {
  const instruction = cleanLine(said);
  return instruction.length > INSTRUCTION_CHARACTERS ? `${instruction.slice(0, INSTRUCTION_CHARACTERS)}…` : instruction;
}
