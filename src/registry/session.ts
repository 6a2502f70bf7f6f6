import { type RetryPolicy, retry } from '../runtime/retry.js';
import type { Authorizer, Scope } from './authorizer.js';
import { answerFault, deniedFault, nonsense, type Refusal } from './faults.js';
import { type Answer, type Ask, discard, readSome, type Transport } from './transport.js';

export interface Call {
  readonly method: Ask['method'];
  /** Path and query below the registry's URL, or a whole URL that the registry gave. */
  readonly to: string | URL;
  readonly scopes: readonly Scope[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** Small: whoever called us tries again too, with more time. A longer rest is the caller's affair. */
const POLICY: RetryPolicy = { retries: 2, minDelayMs: 100, maxDelayMs: 1_000, maxRestMs: 5_000 };
const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Requests to one registry: authorised, redirected, tried again. */
export class Session {
  readonly registry: string;
  readonly #base: URL;
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;

  constructor(base: URL, transport: Transport, authorizer: Authorizer) {
    this.registry = transport.registry;
    this.#base = base;
    this.#transport = transport;
    this.#authorizer = authorizer;
  }

  /** Runs `work` again when it fails by a passing fault; it must be repeatable as a whole. */
  repeat<T>(work: () => Promise<T>): Promise<T> {
    return retry(POLICY, work);
  }

  /**
   * The answer, whose status is below 500 and none of 401, 403 and 429. Follows the redirects of reads. The caller
   * reads or discards the body. Throws `registry_unavailable`, `registry_denied`, `disk_full`, `internal`.
   */
  async ask(call: Call): Promise<Answer> {
    let url = this.resolve(call.to);
    let answer = await this.#authorised(call, url);
    const reads = call.method === 'GET' || call.method === 'HEAD';
    for (let hop = 0; reads && REDIRECTS.has(answer.status); hop += 1) {
      if (hop === MAX_REDIRECTS) throw nonsense(this.registry, `redirects more than ${MAX_REDIRECTS} times`);
      url = this.resolve(answer.headers.location ?? '', url);
      await discard(answer);
      answer = await this.#authorised(call, url);
    }
    if (answer.status < 500 && ![401, 403, 429].includes(answer.status)) return answer;
    throw await this.unexpected(call, answer);
  }

  /** The error for an answer that nobody expected; reads its body. */
  async unexpected(call: Call, answer: Answer): Promise<Error> {
    return answerFault(this.registry, await this.refusal(call, answer));
  }

  /** What a registry said to a request that did not go well; reads its body. */
  async refusal({ method }: Call, answer: Answer): Promise<Refusal> {
    const { status, headers } = answer;
    return { status, method, body: await readSome(answer), retryAfter: headers['retry-after'] };
  }

  /** A URL that the registry gave, relative or whole; never from TLS to none. */
  resolve(to: string | URL, from: URL = this.#base): URL {
    if (to === '' || !URL.canParse(String(to), from.href)) throw nonsense(this.registry, 'sends us to no usable URL');
    const url = new URL(String(to), from.href);
    const fits = url.protocol === 'https:' || (url.protocol === 'http:' && from.protocol === 'http:');
    if (!fits) throw nonsense(this.registry, 'sends us to a URL that is less safe than its own');
    return url;
  }

  /** Our credentials go to the registry's own origin, and nowhere else. */
  async #authorised(call: Call, url: URL): Promise<Answer> {
    const own = url.origin === this.#base.origin;
    const sent = own ? await this.#authorizer.header(call.scopes) : null;
    const answer = await this.#send(call, url, sent);
    if (answer.status !== 401 || !own) return answer;
    await discard(answer);
    const header = await this.#authorizer.challenged(answer.headers['www-authenticate'], call.scopes, sent);
    const again = await this.#send(call, url, header);
    if (again.status === 401) throw deniedFault(this.registry, await readSome(again));
    return again;
  }

  #send(call: Call, url: URL, authorization: string | null): Promise<Answer> {
    const headers = { ...call.headers, ...(authorization === null ? {} : { authorization }) };
    return this.#transport.send({ method: call.method, url, headers, body: call.body ?? null });
  }
}
