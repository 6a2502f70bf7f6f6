/** Names of everything that a bus has on NATS. They all follow from the prefix, and from a group's name. */
export interface Names {
  readonly ours: string;
  readonly git: string;
  readonly retry: string;
  readonly dead: string;
  /** Stream below the bucket of the claims. */
  readonly claims: string;
  readonly claimSubjects: string;
  claimSubject(key: string): string;
  readonly deadSubject: string;
  /** Every subject of the retry stream. */
  readonly retrySubjects: string;
  retrySubject(group: string): string;
  /** Name of a group's durable consumers, the same in each stream. */
  durable(group: string): string;
}

/**
 * Streams may not overlap, and a git topic like `#.push` is kept as `*.*.push` too: subjects of ours that hold a
 * wildcard end with a word that no topic ends with.
 */
const LAST_WORD = 'layerwright';

export function namesOf(prefix: string): Names {
  const stem = `LW-${token(prefix)}`;
  const subject = `layerwright.${prefix}`;
  const claim = (key: string): string => `$KV.${stem}-claims.${key}.${LAST_WORD}`;
  const retry = (group: string): string => `${subject}.retry.${group}.${LAST_WORD}`;
  return {
    ours: `${stem}-ours`,
    git: `${stem}-git`,
    retry: `${stem}-retry`,
    dead: `${stem}-dead`,
    claims: `KV_${stem}-claims`,
    claimSubjects: claim('*'),
    claimSubject: (key) => claim(token(key)),
    deadSubject: `${subject}.dead`,
    retrySubjects: retry('*'),
    retrySubject: (group) => retry(token(group)),
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
