/** Names of everything that a bus has on NATS. They all follow from the prefix, and from a group's name. */
export interface Names {
  readonly ours: string;
  readonly git: string;
  readonly retry: string;
  readonly dead: string;
  /** Stream below the bucket of the claims. */
  readonly claims: string;
  /** Subjects of the claims' bucket start with it. */
  readonly claimPrefix: string;
  readonly deadSubject: string;
  /** Every subject of the retry stream. */
  readonly retrySubjects: string;
  retrySubject(group: string): string;
  /** Name of a group's durable consumers, the same in each stream. */
  durable(group: string): string;
}

export function namesOf(prefix: string): Names {
  const stem = `LW-${token(prefix)}`;
  const subject = `layerwright.${prefix}`;
  return {
    ours: `${stem}-ours`,
    git: `${stem}-git`,
    retry: `${stem}-retry`,
    dead: `${stem}-dead`,
    claims: `KV_${stem}-claims`,
    claimPrefix: `$KV.${stem}-claims.`,
    deadSubject: `${subject}.dead`,
    retrySubjects: `${subject}.retry.*`,
    retrySubject: (group) => `${subject}.retry.${token(group)}`,
    durable: token,
  };
}

/** One word of letters, digits, `-`, `_` and `=`: what streams, consumers and keys may be called. */
export function token(text: string): string {
  return text
    .replaceAll('_', '__')
    .replaceAll('.', '_')
    .replace(/[^A-Za-z0-9_-]/g, (char) =>
      [...Buffer.from(char)].map((byte) => `=${byte.toString(16).padStart(2, '0')}`).join(''),
    );
}
