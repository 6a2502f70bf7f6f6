import { type ErrorCode, ServiceError } from '../kernel/service-error.js';

/** What git's words mean to us, beyond an error: a missing ref is an answer, the next two are mended by us. */
export type GitSaying =
  | { readonly kind: 'ref_missing' | 'locked' | 'broken' | 'other_format' }
  | {
      readonly kind: 'error';
      readonly code: ErrorCode;
      readonly transient: boolean;
      /** As `ServiceError.away`. */
      readonly away: boolean;
      readonly sentence: string;
    };

const error = (code: ErrorCode, transient: boolean, sentence: string): GitSaying => ({
  kind: 'error',
  code,
  transient,
  away: false,
  sentence,
});

/** The host is away, or as good as that: it may be back by itself. */
const away = (sentence: string): GitSaying => ({
  kind: 'error',
  code: 'source_unavailable',
  transient: true,
  away: true,
  sentence,
});

/** In order; the first that matches is taken. `%` stands for the repository's URL. Sources: git's own sources, 2.34 to 2.47. */
const SAYINGS: readonly (readonly [RegExp, GitSaying])[] = [
  [/couldn't find remote ref|remote branch .* not found/i, { kind: 'ref_missing' }],
  [
    /no space left on device|disk quota exceeded/i,
    error('disk_full', true, 'There is no room left for the mirror of %.'),
  ],
  [/mismatched algorithms|object format '.*' .*does not match|unknown object format/i, { kind: 'other_format' }],
  [
    /detected dubious ownership/i,
    error('config_invalid', false, 'git refuses % because its folder belongs to another user.'),
  ],
  [
    /transport '.*' not allowed|protocol '.*' is not supported|unable to find remote helper/i,
    error('config_invalid', false, 'git may not use the protocol of %.'),
  ],
  [
    /unable to create '.*\.lock': file exists|cannot lock ref .*(is at|file exists|but expected)|another git process/i,
    { kind: 'locked' },
  ],
  [
    /insufficient permission|permission denied \(os|unable to create .*permission denied|read-only file system/i,
    error('internal', false, 'The folder of the mirrors can’t be written.'),
  ],
  [
    /authentication failed|could not read (username|password)|terminal prompts disabled|invalid credentials|returned error: (401|403)|permission denied \(|access denied|http basic: access/i,
    error('source_unavailable', false, 'The git host refused our credentials for %; check its `credentials`.'),
  ],
  [
    /returned error: 30[0-9]|redirect(ion|ed)? .*(disabled|not allowed)|unable to update url base from redirection/i,
    error('source_unavailable', false, 'The git host redirects % elsewhere; put the address itself into `sources`.'),
  ],
  [
    /repository .*not found|returned error: (404|410)|does not appear to be a git repository|repository not exported|no such file or directory.*upload-pack|not valid: is this a git repository/i,
    error('source_unavailable', false, 'There is no git repository at %.'),
  ],
  [
    /ssl certificate|certificate verif|server certificate|host key verification failed/i,
    error('source_unavailable', true, 'The git host of % has no certificate or host key that we trust.'),
  ],
  [
    /could not resolve host|name or service not known|temporary failure in name resolution/i,
    away('The git host of % does not resolve.'),
  ],
  [
    /connection refused|failed to connect|couldn't connect|connection reset|connection timed out|no route to host|network is unreachable|unable to connect/i,
    away('The git host of % can’t be reached.'),
  ],
  // After the connection's own words: a host that goes away in the middle of a handshake is away, not distrusted.
  [/ssl_connect|gnutls_handshake|tls/i, away('The git host of % breaks off secure connections.')],
  [/returned error: (429|5\d\d)/i, away('The git host of % has a fault.')],
  [/operation too slow|timed out|less than .* bytes\/sec/i, away('The git host of % is too slow.')],
  [
    /remote error|remote: fatal|early eof|unexpected disconnect|hung up unexpectedly|rpc failed|could not read from remote|protocol error|bad pack header|expected flush|upload-pack: not our ref|curl \d+/i,
    away('The git host of % broke off its answer.'),
  ],
  [
    /not a git repository|bad config|loose object .*corrupt|object file .*(empty|corrupt)|corrupt|bad object|unable to resolve reference|reference broken|bad (signature|tree|ref)|missing (blob|tree|commit)|did not send all necessary objects|inflate|could not (parse|read) |unable to (read|parse|find|unpack|open object)|failed to (read|traverse|parse)|packfile|invalid (object|index)|unknown object type|cannot lock ref|reading .* pack/i,
    { kind: 'broken' },
  ],
];

const OTHER = error('source_unavailable', true, 'git could not read %.');
const DETAIL_CHARACTERS = 1_000;

/** Classifies what git wrote to its standard error. */
export function sayingOf(stderr: string): GitSaying {
  return SAYINGS.find(([pattern]) => pattern.test(stderr))?.[1] ?? OTHER;
}

/** Makes an error of a saying; one that is not yet an error has been tried to mend, in vain. */
export function gitFault(saying: GitSaying, url: string, stderr: string, cause?: unknown): ServiceError {
  const detail = stderr
    .replace(/[^\P{C}\n]/gu, ' ')
    .trim()
    .slice(-DETAIL_CHARACTERS);
  if (saying.kind === 'error') {
    const { code, transient, away, sentence } = saying;
    return new ServiceError(
      code,
      sentence.replace('%', () => url),
      { transient, away, detail, cause },
    );
  }
  const sentences = {
    ref_missing: `A ref of ${url} is gone.`,
    locked: `The mirror of ${url} is in use by another process.`,
    broken: `The mirror of ${url} is broken; it is fetched anew.`,
    other_format: `The mirror of ${url} has another object format than its host.`,
  };
  return new ServiceError('source_unavailable', sentences[saying.kind], { transient: true, detail, cause });
}
