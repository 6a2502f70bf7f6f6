import { digestOf } from '../kernel/digest.js';
import { isTag } from '../kernel/image-ref.js';
import { RegistryFault } from './faults.js';

/** What tells a tag that is half written from a registry that is ill. */
export interface Surroundings {
  /** All tags of the repository. */
  tags(): Promise<readonly string[]>;
  /** Whether the repository has the manifest. */
  hasManifest(digest: string): Promise<boolean>;
}

/** The registry's own fault. 502, 503 and 504 come from a proxy before it too, and from a load that passes. */
const OWN_FAULT = 500;
const FAULTS = 2;
/** Of no manifest. */
const ABSENT = digestOf('no manifest');

/**
 * `ask`, to be tried again and again, with null for a tag that is half written. A registry that is killed as it writes
 * one (distribution 2.8: the file that names the tag's digest is empty) lists it and answers 500 for it ever after. Such
 * a tag stands for nothing, and a PUT mends it. It is taken for one only after two faults, when the list has it and the
 * registry can say of a manifest that it is not there.
 */
export function unlessHalfWritten<T>(
  reference: string,
  surroundings: Surroundings,
  ask: () => Promise<T | null>,
): () => Promise<T | null> {
  let faults = 0;
  return async () => {
    try {
      return await ask();
    } catch (thrown) {
      if (!isTag(reference) || !(thrown instanceof RegistryFault && thrown.status === OWN_FAULT)) throw thrown;
      faults += 1;
      if (faults < FAULTS || !(await isAlone(reference, surroundings))) throw thrown;
      return null;
    }
  };
}

/** Whether the rest of the registry is well. Never throws: who can't say, does not. */
async function isAlone(tag: string, { tags, hasManifest }: Surroundings): Promise<boolean> {
  try {
    return (await tags()).includes(tag) && !(await hasManifest(ABSENT));
  } catch {
    return false;
  }
}
