import { err, ok, type Result } from '../../kernel/result.js';
import { toError } from '../../kernel/service-error.js';

/** How long one answer of the management API may take, in milliseconds, and how long it may be, in bytes. */
const ANSWER_PATIENCE_MS = 3_000;
const ANSWER_BYTES = 4_194_304;

export interface ManagementLogin {
  readonly user: string;
  readonly password: string;
}

/** RabbitMQ's management API, asked by `doctor` alone: the service itself needs none of it. */
export class Management {
  readonly #base: URL;
  readonly #authorization: string;

  /** A user in the URL is preferred to `login`. Throws on a text that is no URL. */
  constructor(url: string, login: ManagementLogin) {
    const base = new URL(url);
    const user = base.username === '' ? login.user : decodeURIComponent(base.username);
    const password = base.username === '' ? login.password : decodeURIComponent(base.password);
    this.#authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    base.username = '';
    base.password = '';
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    this.#base = base;
  }

  /** One answer, as it came; or a sentence that says why there is none. Never throws. */
  async get(path: string): Promise<Result<unknown, string>> {
    const url = new URL(`api/${path}`, this.#base);
    try {
      const response = await fetch(url, {
        headers: { authorization: this.#authorization },
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER_PATIENCE_MS),
      });
      const text = await boundedText(response);
      if (text === null) return err(`its answer is longer than ${ANSWER_BYTES} bytes`);
      return response.ok ? ok(JSON.parse(text)) : err(refusal(response.status, text));
    } catch (thrown) {
      const error = toError(thrown);
      return err(`it does not answer: ${error.cause instanceof Error ? error.cause.message : error.message}`);
    }
  }
}

/** Null when there is more than anybody should read. */
async function boundedText(response: Response): Promise<string | null> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > ANSWER_BYTES) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function refusal(status: number, text: string): string {
  // The API says 401 also of what a user that it knows may not see.
  if (status === 401 && text.includes('"Not ')) return 'this user may not see it: give it the tag monitoring';
  if (status === 401) return 'it refuses the user or the password, or the user has no tag monitoring';
  return `it answers ${status}`;
}
