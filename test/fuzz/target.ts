/** What is fuzzed: inputs, and what must hold of each. `targets.ts` has them all, `runner.ts` runs them. */
import { inspect } from 'node:util';
import fc from 'fast-check';

/** What to do with a target. */
export interface FuzzOptions {
  readonly cases: number;
  /** All inputs follow from it. */
  readonly seed: number;
  /** Leads to one case of a run with the same seed, as a failure names it. */
  readonly path?: string;
  /** Hears of each case before it is run. */
  readonly onCase?: () => void;
}

export interface FuzzReport {
  readonly target: string;
  readonly cases: number;
  /** The longest case, in milliseconds of this process's own time. */
  readonly slowestMs: number;
  readonly failure: FuzzFailure | null;
}

/** A case that broke what must hold, made as small as it could be. */
export interface FuzzFailure {
  readonly input: string;
  readonly error: string;
  readonly seed: number;
  readonly path: string;
}

export interface FuzzTarget {
  readonly name: string;
  /** What must hold, for people. */
  readonly about: string;
  run(options: FuzzOptions): Promise<FuzzReport>;
}

interface Parts<Input> {
  readonly name: string;
  readonly about: string;
  /** Made when the target is run: importing one costs nothing. */
  readonly inputs: () => fc.Arbitrary<Input>;
  /** Throws when something does not hold of the input. */
  readonly check: (input: Input) => void | Promise<void>;
}

/** A case that takes longer hangs whoever gets such input, in milliseconds of processor time. */
const CASE_LIMIT_MS = 1_000;

/**
 * A target. Of every case it must also hold that it is done within a second, and that it leaves the prototypes of
 * objects and arrays as they were.
 */
export function fuzzTarget<Input>({ name, about, inputs, check }: Parts<Input>): FuzzTarget {
  return {
    name,
    about,
    async run({ cases, seed, path, onCase }) {
      let slowestMs = 0;
      let count = 0;
      const prototypes = prototypesNow();
      const property = fc.asyncProperty(inputs(), async (input) => {
        count += 1;
        onCase?.();
        const begin = process.cpuUsage();
        await check(input);
        const { user, system } = process.cpuUsage(begin);
        const took = (user + system) / 1_000;
        slowestMs = Math.max(slowestMs, took);
        if (took > CASE_LIMIT_MS) throw new Error(`the case took ${Math.round(took)} ms`);
        if (prototypesNow() !== prototypes) throw new Error('a prototype has other members than before');
      });
      const how = { numRuns: cases, seed, ...(path === undefined ? {} : { path }) };
      const details = await fc.check(property, how);
      return { target: name, cases: count, slowestMs, failure: failureOf(details) };
    },
  };
}

function failureOf<Input>(details: fc.RunDetails<[Input]>): FuzzFailure | null {
  if (!details.failed) return null;
  const { errorInstance: error } = details;
  return {
    input: shown(details.counterexample?.[0]),
    error: error instanceof Error ? (error.stack ?? error.message) : String(error ?? 'ran into its end'),
    seed: details.seed,
    path: details.counterexamplePath ?? '',
  };
}

/** Bytes as the text that they are; what is nested without end is cut. */
function shown(input: unknown): string {
  if (input instanceof Uint8Array) return `bytes ${shown(Buffer.from(input).toString('latin1'))}`;
  return inspect(input, { depth: 12, maxArrayLength: 200, maxStringLength: 4_000, breakLength: 120 });
}

/** The names of what all objects and arrays have. */
function prototypesNow(): string {
  return [Object.prototype, Array.prototype, Function.prototype]
    .map((prototype) => Reflect.ownKeys(prototype).map(String).join(' '))
    .join('\n');
}
