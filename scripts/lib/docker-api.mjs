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

/**
 * Removes the images with a label from an engine that is not ours alone. Those in use stay.
 * @param {string} host
 * @param {string} label
 */
export async function cleanEngine(host, label) {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const images = await engineJson(host, 'GET', `/images/json?all=false&filters=${filters}`);
  for (const { Id } of images) await engineRequest(host, 'DELETE', `/images/${Id}?force=true`, { timeoutMs: 30_000 });
}

/**
 * True when the engine runs in another machine or network than we do (Docker Desktop, rootless Docker): its 127.0.0.1
 * is not ours.
 * @param {string} host
 * @param {string} kernel this machine's kernel release
 */
export async function isElsewhere(host, kernel) {
  const [info, version] = await Promise.all([engineJson(host, 'GET', '/info'), engineJson(host, 'GET', '/version')]);
  const podman = (version.Components ?? []).some((/** @type {{ Name: string }} */ { Name }) => Name.includes('Podman'));
  const rootless = (info.SecurityOptions ?? []).some((/** @type {string} */ option) => option.includes('rootless'));
  return info.KernelVersion !== kernel || (rootless && !podman);
}
