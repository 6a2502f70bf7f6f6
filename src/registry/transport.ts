import { createHash } from 'node:crypto';
import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { type Readable, Transform } from 'node:stream';
import type { Digest } from '../kernel/digest.js';
import type { ServiceError } from '../kernel/service-error.js';
import { connectionFault, cutFault, nonsense, timeoutFault } from './faults.js';

export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
}

/** An answer whose body is still to be read: by `readAll`, `checkedStream` or `discard`, always one of them. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

/** The slowest connection that is waited for; a time limit grows by it for bodies. */
const MIN_BYTES_PER_MS = 50;
/** A body that nobody wants is read up to here, so that its connection can be used again. */
const DISCARD_BYTES = 65_536;
const MAX_SOCKETS = 64;

/** HTTP with connections that are kept. One request, one answer: no redirects, no authentication. */
export class Transport {
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: MAX_SOCKETS, scheduling: 'lifo' });
  readonly #https = new HttpsAgent({ keepAlive: true, maxSockets: MAX_SOCKETS, scheduling: 'lifo' });
  readonly registry: string;
  readonly #timeoutMs: number;

  /** `timeoutMs` bounds the time until the headers are there, and each silence in a body. */
  constructor(registry: string, timeoutMs: number) {
    this.registry = registry;
    this.#timeoutMs = timeoutMs;
  }

  /** Throws `registry_unavailable`. */
  async send(ask: Ask): Promise<Answer> {
    try {
      return await this.#once(ask, { fresh: false });
    } catch (thrown) {
      if (!(thrown instanceof StaleConnection)) throw thrown;
      // The other side closed a kept connection as we took it: nothing was lost, so at once on a new one. Not another
      // kept one: a registry that was started again has closed them all.
      return this.#once(ask, { fresh: true });
    }
  }

  #once(ask: Ask, { fresh }: { readonly fresh: boolean }): Promise<Answer> {
    const secure = ask.url.protocol === 'https:';
    const limit = this.#timeoutMs + Math.ceil((ask.body?.length ?? 0) / MIN_BYTES_PER_MS);
    return new Promise((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(ask.url, {
        method: ask.method,
        agent: fresh ? false : secure ? this.#https : this.#http,
        headers: ask.body === null ? ask.headers : { ...ask.headers, 'content-length': ask.body.length },
      });
      const timer = setTimeout(() => request.destroy(timeoutFault(this.registry, this.#timeoutMs)), limit);
      request.once('response', (body) => {
        clearTimeout(timer);
        // Who answers early may never read the rest: its connection would be kept for nothing.
        body.once('close', () => request.writableFinished || request.destroy());
        body.setTimeout(this.#timeoutMs, () => body.destroy(timeoutFault(this.registry, this.#timeoutMs)));
        resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
      });
      // Stays for the request's whole life: a late error of the socket must never be an uncaught one.
      request.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        const stale = request.reusedSocket && isLeftOver(error.code ?? '');
        reject(stale ? new StaleConnection() : connectionFault(this.registry, error));
      });
      request.end(ask.body ?? undefined);
    });
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

class StaleConnection extends Error {}

/** Of a kept connection: it was ended, or holds what belongs to no request, as a proxy's 408 for a line that was silent. */
function isLeftOver(code: string): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE' || code.startsWith('HPE_');
}

/** The whole body. Throws `internal` when it is longer than `maxBytes`, `registry_unavailable` when it is cut. */
export async function readAll(registry: string, { headers, body }: Answer, maxBytes: number): Promise<Buffer> {
  const tooLong = (): Error => nonsense(registry, `sent more than ${maxBytes} bytes where fewer were expected`);
  if (Number(headers['content-length'] ?? 0) > maxBytes) {
    body.destroy();
    throw tooLong();
  }
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw tooLong();
      chunks.push(chunk);
    }
  } catch (thrown) {
    throw connectionFault(registry, thrown);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

/** The beginning of a body that explains a refusal; never throws. */
export async function readSome(answer: Answer): Promise<string> {
  return readAll('', answer, DISCARD_BYTES).then(
    (bytes) => bytes.toString('utf8'),
    () => '',
  );
}

/** Reads the body to its end and forgets it; a long one takes its connection with it. */
export async function discard(answer: Answer): Promise<void> {
  await readSome(answer);
}

/**
 * For a body that is not what it should be: nonsense, or only cut short. Where neither a length nor chunks say where it
 * ends, the end of the connection does (RFC 9112, 6.3), and nobody can tell whether that came early.
 */
export function bodyFault(registry: string, { headers }: Pick<Answer, 'headers'>, what: string): ServiceError {
  const hasEnd = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return hasEnd ? nonsense(registry, what) : cutFault(registry, what);
}

/** The body as a stream that fails at its end when the bytes are not those of `digest`. */
export function checkedStream(registry: string, answer: Answer, digest: Digest): Readable {
  const { body } = answer;
  const hash = createHash('sha256');
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const found = `sha256:${hash.digest('hex')}`;
      done(found === digest ? null : bodyFault(registry, answer, `sent ${found} when asked for ${digest}`));
    },
    destroy(error, done) {
      body.destroy();
      done(error);
    },
  });
  body.once('error', (error) => check.destroy(connectionFault(registry, error)));
  return body.pipe(check);
}
