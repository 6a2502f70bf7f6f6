/** A proxy before a real registry that fails in ways a test asks for: by repository, as a registry or its proxy would. */
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a repository's requests are answered with instead of the registry's answer. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  /** Only these methods; all when left out. */
  readonly methods?: readonly string[];
}

export class RegistryGate {
  readonly url: string;
  readonly #server: Server;
  /** Part of a path → the refusal. */
  readonly refusals = new Map<string, Refusal>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Listens on a free port of the loopback, before the registry at `registry`. */
  static async open(registry: string): Promise<RegistryGate> {
    const { hostname, port } = new URL(registry);
    const server = createServer((inward, answer) => {
      const refusal = gate.#refusalOf(inward.method ?? 'GET', inward.url ?? '/');
      if (refusal !== null) {
        inward.resume();
        answer.writeHead(refusal.status, { 'content-type': 'application/json' }).end(refusal.body);
        return;
      }
      const headers = { ...inward.headers, host: `${hostname}:${port}` };
      const outward = request({ hostname, port, method: inward.method, path: inward.url, headers }, (from) => {
        const location = from.headers.location?.replace(registry, gate.url);
        const sent = location === undefined ? from.headers : { ...from.headers, location };
        answer.writeHead(from.statusCode ?? 502, sent);
        from.pipe(answer);
      });
      outward.on('error', () => answer.destroy());
      inward.pipe(outward);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const gate = new RegistryGate(server);
    return gate;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #refusalOf(method: string, path: string): Refusal | null {
    for (const [part, refusal] of this.refusals)
      if (path.includes(part) && (refusal.methods?.includes(method) ?? true)) return refusal;
    return null;
  }
}
