/** What a Dockerfile says, as far as the builder decides by it. */

/** A place in the Dockerfile's text: offsets into the string (end exclusive) and a line counted from 1. */
export interface Place {
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

/** One reference to an image outside the Dockerfile. */
export interface ParentReference {
  /** As written, after ARG expansion. */
  readonly written: string;
  readonly place: Place;
  readonly via: 'from' | 'copy' | 'mount';
  /** Number of the stage it stands in, from 0. */
  readonly stage: number;
}

/** A construct that not every builder knows. */
export interface Construct {
  /** As people write it: `RUN --mount`. */
  readonly construct: string;
  readonly line: number;
  /** First frontend that has it; an older builder refuses it or reads it otherwise. */
  readonly since: Frontend;
}

/** A version 1.x of BuildKit's Dockerfile frontend by its x, so that versions compare. The classic builder is 0. */
export type Frontend = number;

export interface DockerfileFacts {
  /** All references, in the order of the text; one image may stand there several times. */
  readonly parents: readonly ParentReference[];
  readonly stages: number;
  /** What the final stage stands on in the end: a parent's `written`, or null for `scratch`. */
  readonly base: string | null;
  /** Platforms that stages ask for by `FROM --platform`, variables expanded. */
  readonly platforms: readonly { readonly platform: string; readonly line: number }[];
  /** Labels of the final stage and of the stages it is FROM, where their values are known. */
  readonly labels: Readonly<Record<string, string>>;
  /** Labels whose values only the engine knows (a variable of the base image). */
  readonly unknownLabels: readonly string[];
  /** The frontend that the file asks for; null when it asks for none. */
  readonly syntax: { readonly image: string; readonly line: number } | null;
  /** `ADD` from the network, git URLs too; also where a variable may hide a URL. */
  readonly addUrls: readonly { readonly url: string; readonly line: number }[];
  /** Mounts of build secrets and ssh agents. */
  readonly secrets: readonly { readonly kind: 'secret' | 'ssh'; readonly line: number }[];
  readonly constructs: readonly Construct[];
}
