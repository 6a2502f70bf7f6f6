import type { Path } from './document.js';

/** A fault that no single key shows. `at` leads to the key to change. */
export interface CrossFault {
  readonly at: Path;
  readonly message: string;
  readonly hint: string;
}
