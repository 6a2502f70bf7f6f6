import { ServiceError, toError } from '../../kernel/service-error.js';
import { type RetryPolicy, retry } from '../../runtime/retry.js';
import { withFirst } from '../../runtime/signals.js';

/** Milliseconds until an answer must be whole. */
const TIMEOUT_MS = 60_000;
/** Bytes of an answer: a hundred messages of ordinary size are a hundredth of it. */
const MAX_BYTES = 67_108_864;
const MAX_REDIRECTS = 3;
/** Milliseconds that a server may ask us to wait (`Retry-After`). */
const MAX_WAIT_MS = 60_000;
const POLICY: RetryPolicy = { retries: 4, minDelayMs: 500, maxDelayMs: 10_000, maxRestMs: MAX_WAIT_MS };
/** Characters of a server's own words that are shown. */
const SHOWN = 200;

/** How one server is asked. */
export interface ArchiveClient {
  /** The JSON at a URL; null where there is no such page (404). Throws `archive_unavailable`. */
  get(url: URL): Promise<unknown>;
}

export interface ArchiveClientOptions {
  readonly signal: AbortSignal;
  readonly onRetry: (reason: string) => void;
  readonly policy?: RetryPolicy;
}

/** Asks a server over HTTP: what passes (no connection, 5xx, 429) is tried again, what does not is said at once. */
export function archiveClient({ signal, onRetry, policy = POLICY }: ArchiveClientOptions): ArchiveClient {
  return {
    get: (url) =>
      retry(policy, () => withFirst([signal], TIMEOUT_MS, (first) => ask(url, first)), {
        signal,
        onRetry: (error) => onRetry(error.message),
      }).catch((thrown: unknown) => {
        throw thrown instanceof ServiceError ? thrown : fault(url, `could not be asked: ${toError(thrown).message}`);
      }),
  };
}

async function ask(asked: URL, signal: AbortSignal): Promise<unknown> {
  let url = asked;
  for (let redirects = 0; ; redirects += 1) {
    const answer = await send(url, signal);
    const location = answer.headers.get('location');
    if (answer.status >= 300 && answer.status < 400 && location !== null) {
      await answer.body?.cancel();
      if (redirects === MAX_REDIRECTS) throw fault(asked, `redirects more than ${MAX_REDIRECTS} times`);
      url = redirected(url, location);
      continue;
    }
    if (answer.status === 404) {
      await answer.body?.cancel();
      return null;
    }
    if (answer.status === 429 || answer.status >= 500) {
      await answer.body?.cancel();
      const restMs = waitOf(answer.headers.get('retry-after'));
      throw fault(asked, `answers with ${answer.status}`, { transient: true, restMs });
    }
    return readJson(asked, answer);
  }
}

async function send(url: URL, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } });
  } catch (thrown) {
    const { cause, message } = toError(thrown);
    const reason = cause instanceof Error && cause.message !== '' ? cause.message : message;
    throw fault(url, `can't be reached: ${reason}`, { transient: true, cause: thrown });
  }
}

/** Another scheme or port of the same host may be meant; another host gets no question that was not for it. */
function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : null;
  if (to === null || to.hostname !== from.hostname || (to.protocol !== 'https:' && to.protocol !== from.protocol)) {
    throw fault(from, `redirects to ${location.slice(0, SHOWN)}, which is not asked`);
  }
  return to;
}

async function readJson(url: URL, answer: Response): Promise<unknown> {
  const text = await readText(url, answer);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    const type = answer.headers.get('content-type')?.split(';')[0] ?? 'something';
    throw fault(url, `answers with ${answer.status} and ${type} that is not JSON`);
  }
  if (answer.ok) return body;
  const said = typeof body === 'object' && body !== null && 'error' in body ? `: ${String(body.error)}` : '';
  throw fault(url, `answers with ${answer.status}${said.slice(0, SHOWN)}`);
}

async function readText(url: URL, { body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > MAX_BYTES) break;
      chunks.push(chunk);
    }
  } catch (thrown) {
    throw fault(url, `breaks off: ${toError(thrown).message}`, { transient: true, cause: thrown });
  }
  if (length > MAX_BYTES) throw fault(url, `answers with more than ${MAX_BYTES} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}

/** Seconds, or a date (RFC 9110, 10.2.3); in milliseconds. */
function waitOf(retryAfter: string | null): number {
  if (retryAfter === null) return 0;
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.max(ms, 0);
}

/** A fault of the server at this place; the question itself is not shown. */
export function fault(
  { origin, pathname }: URL,
  text: string,
  options: { readonly transient?: boolean; readonly restMs?: number; readonly cause?: unknown } = {},
): ServiceError {
  return new ServiceError('archive_unavailable', `the archive ${origin}${pathname} ${text}`, options);
}
