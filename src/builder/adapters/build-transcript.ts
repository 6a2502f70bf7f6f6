import { isJsonObject, type Json, type JsonObject } from '../../kernel/json.js';
import { LIMITS } from '../../kernel/limits.js';
import { cleanLine } from '../decide/output.js';
import { lastLines } from '../decide/retry.js';
import { LineAssembler } from './line-assembler.js';

/** A step of the Dockerfile, counted as its author counts. */
export interface BuildStep {
  readonly number: number;
  readonly of: number;
  /** The instruction, cleaned and cut. */
  readonly instruction: string;
}

/** What the engine said in the end when the build did not work. */
export interface BuildFault {
  readonly message: string;
  /** Of the command that failed; null when no command was run. */
  readonly exitCode: number | null;
}

const INSTRUCTION_CHARACTERS = 200;
const STEP = /^Step (\d+)\/(\d+) : (.*)$/s;
const RUNNING = /^ ---> Running in ([0-9a-f]{12})\n$/;
const REMOVED = /^Removing intermediate container ([0-9a-f]{12})\n$/;
const IMAGE = /^ ---> ([0-9a-f]{12})\n$/;
const CACHED = ' ---> Using cache\n';
const NONZERO = /returned a non-zero code: (\d+)$/;

/**
 * Reads the progress of a classic build, object by object: lines for the log, and what the engine made. While a step
 * runs all it sends is the step's own output, and nothing in it is taken for the engine's words: a Dockerfile could
 * else name another build's container as its own.
 */
export class BuildTranscript {
  readonly #lines: LineAssembler;
  readonly #tail: string[] = [];
  /** Steps that the engine adds to the Dockerfile's own (one for the labels). */
  readonly #added: number;
  readonly #seenStatus = new Set<string>();
  #running: string | null = null;
  #cached = false;
  #parent = false;
  imageId: string | null = null;
  fault: BuildFault | null = null;
  step: BuildStep | null = null;
  /** Containers of the steps by their short id, with the step that each ran. */
  readonly containers = new Map<string, BuildStep | null>();
  /** Those that the engine has not said to be gone. */
  readonly leftContainers = new Set<string>();
  /** Short ids of images that this build made; not parents, not those of the cache. */
  readonly images = new Set<string>();

  constructor(addedSteps: number, onLine: (line: string) => void) {
    this.#added = addedSteps;
    this.#lines = new LineAssembler((line) => {
      this.#tail.push(line);
      if (this.#tail.length > LIMITS.detailLines) this.#tail.shift();
      onLine(line);
    });
  }

  take(object: JsonObject): void {
    const { stream, status, aux } = object;
    if (typeof stream === 'string') this.#stream(stream);
    if (typeof status === 'string') this.#status(status, object);
    if (isJsonObject(aux) && typeof aux['ID'] === 'string') this.imageId = aux['ID'];
    const fault = faultOf(object);
    if (fault !== null) this.fault = fault;
  }

  /** No more comes. */
  end(): void {
    this.#lines.end();
  }

  /** The last lines, cleaned, for a failure's detail. */
  tail(): string {
    return lastLines(this.#tail.map(cleanLine).join('\n'));
  }

  #stream(text: string): void {
    if (this.#running === null) this.#engineSays(text);
    else if (REMOVED.exec(text)?.[1] === this.#running) {
      this.leftContainers.delete(this.#running);
      this.#running = null;
    }
    this.#lines.push(text);
  }

  #engineSays(text: string): void {
    const step = STEP.exec(text);
    if (step !== null) {
      const instruction = cleanLine(step[3] ?? '');
      this.#parent = /^FROM\s/i.test(instruction);
      this.step = {
        number: Number(step[1]),
        of: Number(step[2]) - this.#added,
        instruction:
          instruction.length > INSTRUCTION_CHARACTERS
            ? `${instruction.slice(0, INSTRUCTION_CHARACTERS)}…`
            : instruction,
      };
    }
    const container = RUNNING.exec(text)?.[1];
    if (container !== undefined) {
      this.#running = container;
      this.containers.set(container, this.step);
      this.leftContainers.add(container);
    }
    const image = IMAGE.exec(text)?.[1];
    if (image !== undefined && !this.#cached && !this.#parent) this.images.add(image);
    if (image !== undefined || step !== null) this.#cached = false;
    if (text === CACHED) this.#cached = true;
  }

  /** Progress of a parent that is pulled: each layer's state once, without its bars. */
  #status(status: string, object: JsonObject): void {
    const id = typeof object['id'] === 'string' ? `${object['id']}: ` : '';
    const line = `${id}${status}`;
    if (this.#seenStatus.has(line)) return;
    this.#seenStatus.add(line);
    this.#lines.push(`${line}\n`);
  }
}

/** The error that an object of an engine's progress carries; null when it carries none. */
export function faultOf(object: JsonObject): BuildFault | null {
  const detail: Json | undefined = object['errorDetail'];
  const message = isJsonObject(detail) && typeof detail['message'] === 'string' ? detail['message'] : object['error'];
  if (typeof message !== 'string') return null;
  const code = isJsonObject(detail) ? detail['code'] : undefined;
  const said = NONZERO.exec(message)?.[1];
  return {
    message,
    exitCode: typeof code === 'number' && code !== 0 ? code : said === undefined ? null : Number(said),
  };
}
