type Release = () => void | Promise<void>;

/** Resources register their release where they are opened. Released last in, first out; all run; the first error is kept. */
export class Releasers {
  readonly #stack: { readonly what: string; readonly release: Release }[] = [];
  #released = false;

  /** `what` names the resource for people, should its release fail. */
  push(what: string, release: Release): void {
    if (this.#released) throw new Error(`${what} was opened after everything was released`);
    this.#stack.push({ what, release });
  }

  /** Releases everything. A second call is a bug and throws. */
  async release(): Promise<void> {
    if (this.#released) throw new Error('released twice');
    this.#released = true;
    let first: unknown;
    for (const { what, release } of this.#stack.reverse()) {
      try {
        await release();
      } catch (cause) {
        first ??= new Error(`${what} could not be released`, { cause });
      }
    }
    if (first !== undefined) throw first;
  }
}

/** Runs `body` with releasers that are released when it ends, also by a throw (whose error is the one kept). */
export async function withReleasers<T>(body: (releasers: Releasers) => Promise<T>): Promise<T> {
  const releasers = new Releasers();
  let result: T;
  try {
    result = await body(releasers);
  } catch (thrown) {
    await releasers.release().catch(() => undefined);
    throw thrown;
  }
  await releasers.release();
  return result;
}
