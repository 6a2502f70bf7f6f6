import { type BuildStep, instructionText, type StepReader } from './step-reader.js';

const IMAGE = /^--> ([0-9a-f]{11,64})\n$/;
const STEP = /^(?:\[(\d+)\/(\d+)\] )?STEP (\d+)\/(\d+): (.*)$/s;

const NONE: ReadonlySet<string> = new Set();
const NO_CONTAINERS: ReadonlyMap<string, BuildStep | null> = new Map();

/**
 * The steps of a Podman build. Podman does not say where a step's output ends, so that a step can say whatever the engine
 * says: only the next step in turn is believed, and nothing is removed for what stands here. A build's images are found by
 * their label, which all of them carry.
 */
export class PodmanSteps implements StepReader {
  /** Steps that the engine adds at the end of the last stage (one for each label it is given). */
  readonly #added: number;
  #last = { stage: 1, stages: 1, number: 0, of: 0 };
  step: BuildStep | null = null;
  readonly containers = NO_CONTAINERS;
  readonly leftContainers = NONE;
  readonly images = NONE;
  /** Podman says it after the step's output, so that what a step says in its place does not count. */
  basis: string | null = null;

  constructor(addedSteps: number) {
    this.#added = addedSteps;
  }

  read(text: string): void {
    const said = STEP.exec(text);
    if (said === null) {
      const image = IMAGE.exec(text)?.[1];
      if (image !== undefined && this.step !== null && this.step.number <= this.step.of) this.basis = image;
      return;
    }
    const [stage, stages, number, of] = [said[1] ?? 1, said[2] ?? 1, said[3], said[4]].map(Number) as [
      number,
      number,
      number,
      number,
    ];
    const last = this.#last;
    const begins = number === 1 && (last.number === 0 || (stages === last.stages && stage > last.stage));
    const follows = stage === last.stage && stages === last.stages && number === last.number + 1 && of === last.of;
    if (!begins && !follows) return;
    this.#last = { stage, stages, number, of };
    this.step = {
      number,
      of: stage === stages ? of - this.#added : of,
      instruction: instructionText(said[5] ?? '').trim(),
      stage: stages > 1 ? { number: stage, of: stages } : null,
    };
  }
}
