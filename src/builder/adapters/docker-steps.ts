import { type BuildStep, instructionText, type StepReader } from './step-reader.js';

const STEP = /^Step (\d+)\/(\d+) : (.*)$/s;
const RUNNING = /^ ---> Running in ([0-9a-f]{12})\n$/;
const REMOVED = /^Removing intermediate container ([0-9a-f]{12})\n$/;
const IMAGE = /^ ---> ([0-9a-f]{12})\n$/;
const CACHED = ' ---> Using cache\n';

/**
 * The steps of Docker's classic builder. While a step runs all it sends is the step's own output, and nothing in it is
 * taken for the engine's words: a Dockerfile could else name another build's container as its own.
 */
export class DockerSteps implements StepReader {
  /** Steps that the engine adds to the Dockerfile's own (one for the labels). */
  readonly #added: number;
  #running: string | null = null;
  #cached = false;
  #parent = false;
  step: BuildStep | null = null;
  basis: string | null = null;
  readonly containers = new Map<string, BuildStep | null>();
  readonly leftContainers = new Set<string>();
  readonly images = new Set<string>();

  constructor(addedSteps: number) {
    this.#added = addedSteps;
  }

  read(text: string): void {
    if (this.#running === null) this.#engineSays(text);
    else if (REMOVED.exec(text)?.[1] === this.#running) {
      this.leftContainers.delete(this.#running);
      this.#running = null;
    }
  }

  #engineSays(text: string): void {
    const step = STEP.exec(text);
    if (step !== null) {
      const instruction = instructionText(step[3] ?? '');
      this.#parent = /^FROM\s/i.test(instruction);
      this.step = { number: Number(step[1]), of: Number(step[2]) - this.#added, instruction, stage: null };
    }
    const container = RUNNING.exec(text)?.[1];
    if (container !== undefined) {
      this.#running = container;
      // A label runs nothing.
      if (this.#isOwn) this.containers.set(container, this.step);
      this.leftContainers.add(container);
    }
    const image = IMAGE.exec(text)?.[1];
    if (image !== undefined && !this.#cached && !this.#parent) this.images.add(image);
    if (image !== undefined && this.#isOwn) this.basis = image;
    if (image !== undefined || step !== null) this.#cached = false;
    if (text === CACHED) this.#cached = true;
  }

  /** Of the Dockerfile, not added by us. */
  get #isOwn(): boolean {
    return this.step === null || this.step.number <= this.step.of;
  }
}
