import { ServiceError, toError } from '../../kernel/service-error.js';
import type { Finding } from './findings.js';

/** Times that a place may fail in a row before it is left alone. */
const MAX_FAILURES = 3;
/** Parts of a place whose faults are told one by one; those of further ones count as the place's. */
const MAX_PARTS = 20;

type Fault = Extract<Finding, { readonly kind: 'fault' }>;

/** Outside places that do not answer: each is told of once, and left alone for the rest of a pass. */
export class Absences {
  readonly #failures = new Map<string, number>();
  readonly #faults = new Map<string, Fault>();
  readonly #parts = new Map<string, number>();

  /** True when a place is not to be asked any more. */
  isAway(place: string): boolean {
    return (this.#failures.get(place) ?? 0) >= MAX_FAILURES;
  }

  answered(place: string): void {
    this.#failures.delete(place);
  }

  /** `part`: what a place has of its own fault when the place itself is well, as a repository that is gone. */
  failed(place: string, part: string, thrown: unknown): void {
    const error = toError(thrown);
    const isOfPlace = error instanceof ServiceError && error.transient;
    if (isOfPlace) this.#failures.set(place, (this.#failures.get(place) ?? 0) + 1);
    const code = error instanceof ServiceError ? error.code : 'internal';
    const parts = this.#parts.get(place) ?? 0;
    const isTold = !isOfPlace && (this.#faults.has(part) || parts < MAX_PARTS);
    if (isTold && !this.#faults.has(part)) this.#parts.set(place, parts + 1);
    this.#tell(isTold ? part : place, code, error.message);
  }

  /** A place that asks to be left alone. */
  leave(place: string): void {
    this.#failures.set(place, MAX_FAILURES);
  }

  /** Something was not looked at because its place is away. */
  missed(place: string): void {
    const fault = this.#faults.get(place);
    if (fault !== undefined) this.#faults.set(place, { ...fault, missed: fault.missed + 1 });
  }

  faults(): readonly Fault[] {
    return [...this.#faults.values()];
  }

  #tell(place: string, code: string, reason: string): void {
    const told = this.#faults.get(place);
    if (told === undefined) this.#faults.set(place, { kind: 'fault', place, code, reason, missed: 1 });
    else this.missed(place);
  }
}
