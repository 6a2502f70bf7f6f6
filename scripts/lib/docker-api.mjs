// The few calls of the Docker Engine API that scripts make, over its socket; no docker command is needed.
import { request as httpRequest } from 'node:http';

/**
 * Sends one request to an engine.
 * @param {string} host as `unix:///var/run/docker.sock` or `tcp://127.0.0.1:2375`
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, timeoutMs?: number }} [options] no answer within `timeoutMs` of silence is an error
 * @returns {Promise<{ status: number, text: string }>}
 */
export function engineRequest(host, method, path, { body, timeoutMs = 5_000 } = {}) {
  const url = new URL(host.replace(/^tcp:/, 'http:'));
  const where = host.startsWith('unix:')
    ? { socketPath: url.pathname }
    : { host: url.hostname, port: url.port || 2375 };
  const content = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        ...where,
        method,
        path,
        headers:
          content === undefined
            ? {}
            : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(content) },
        timeout: timeoutMs,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.on('error', reject);
    request.end(content);
  });
}

/**
 * As `engineRequest`, the answer read as JSON; a status of 300 or more is an error with the engine's words.
 * @param {Parameters<typeof engineRequest>} args
 */
export async function engineJson(...args) {
  const { status, text } = await engineRequest(...args);
  if (status >= 300) throw new Error(`the engine answered ${status} to ${args[1]} ${args[2]}: ${text.trim()}`);
  return text.trim() === '' ? null : JSON.parse(text);
}

/**
 * Null when an engine answers at `host`; else why not, in a few words.
 * @param {string} host
 */
export async function pingEngine(host) {
  try {
    const { status, text } = await engineRequest(host, 'GET', '/_ping', { timeoutMs: 3_000 });
    return status === 200 ? null : `answered ${status} ${text.trim()}`;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const words = { EACCES: 'no permission to use it', ENOENT: 'not there', ECONNREFUSED: 'nobody listens' };
    return words[/** @type {keyof typeof words} */ (code)] ?? (error instanceof Error ? error.message : String(error));
  }
}
