import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ServiceError } from '../kernel/service-error.js';
import type { ShownMetrics } from './metrics.js';
import type { Readiness } from './readiness.js';

export interface HealthSettings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly readiness: Readiness;
  readonly metrics: Pick<ShownMetrics, 'contentType' | 'text'>;
  /** Shown by `/healthz` and `/readyz`: two roles that disagree are seen. */
  readonly about: { readonly version: string; readonly config: string; readonly roles: readonly string[] };
}

export interface HealthServer {
  /** As `http://127.0.0.1:9180`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Bounds against slow and many clients: milliseconds, and connections. */
const REQUEST_MS = 5_000;
const IDLE_MS = 10_000;
const MAX_CONNECTIONS = 64;

/**
 * Serves `/healthz` (200 while the process lives), `/readyz` (200 or 503 with every check) and `/metrics`.
 * Throws `address_in_use`.
 */
export async function openHealth(settings: HealthSettings): Promise<HealthServer> {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, keepAliveTimeout: IDLE_MS, maxHeaderSize: 8_192 },
    (request, response) => {
      void answer(settings, request, response);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_MS, (socket) => socket.destroy());
  await listen(server, settings);
  const { address, family, port } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { host, port }: HealthSettings): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new ServiceError(
          'address_in_use',
          cause.code === 'EADDRINUSE'
            ? `another program listens on ${host}:${port}`
            : `${host}:${port} can't be listened on: ${cause.message}`,
          { cause },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
}

async function answer(settings: HealthSettings, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  try {
    const [status, type, body] = await page(settings, request);
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  } catch {
    if (!response.headersSent) response.writeHead(500);
    response.end();
  }
}

type Page = readonly [status: number, type: string, body: string];

async function page({ readiness, metrics, about }: HealthSettings, request: IncomingMessage): Promise<Page> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { error: 'only GET and HEAD' });
  switch ((request.url ?? '/').split('?')[0]) {
    case '/healthz':
      return json(200, { ok: true, ...about });
    case '/readyz': {
      const report = await readiness.report();
      return json(report.ready ? 200 : 503, { ...report, ...about });
    }
    case '/metrics':
      return [200, metrics.contentType, await metrics.text()];
    default:
      return json(404, { error: 'there are /healthz, /readyz and /metrics' });
  }
}

function json(status: number, body: object): Page {
  return [status, 'application/json; charset=utf-8', `${JSON.stringify(body)}\n`];
}
