/** A registry or a proxy that goes away in the middle of an answer, at each of its bytes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { digestOf } from '../../src/kernel/digest.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import { Authorizer } from '../../src/registry/authorizer.js';
import { Blobs } from '../../src/registry/blobs.js';
import { CredentialSource } from '../../src/registry/credentials.js';
import { MEDIA_TYPE, openRegistry, type Registry } from '../../src/registry/index.js';
import { Manifests } from '../../src/registry/manifests.js';
import { readPages } from '../../src/registry/pages.js';
import { Session } from '../../src/registry/session.js';
import { Transport } from '../../src/registry/transport.js';

const MANIFEST = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest }));
const DIGEST = digestOf(MANIFEST);
const BLOB = Buffer.from('a blob of one layer');
const BLOB_DIGEST = digestOf(BLOB);
const AT_ONCE = 40;
/** An RST says the same at each byte, so each of so many will do. */
const RESET_EACH = 7;

/** How an answer says where its body ends. */
const FRAMINGS = ['length', 'chunks', 'close'] as const;
/** How a connection ends: by FIN or by RST. */
const ENDS = ['end', 'resetAndDestroy'] as const;

interface Cut {
  /** The request, from 1, from which on answers are cut; all later ones too unless `once`. */
  readonly from: number;
  readonly once: boolean;
  /** Bytes that get through. */
  readonly at: number;
  readonly end: (typeof ENDS)[number];
}

interface Case {
  readonly framing: (typeof FRAMINGS)[number];
  readonly cut: Cut | null;
  /** Bytes of each whole answer so far. */
  readonly lengths: number[];
}

interface Reply {
  readonly status: string;
  readonly headers?: readonly string[];
  readonly body?: Buffer;
}

const cases = new Map<string, Case>();
let server: Server;
let url = '';
const sockets = new Set<Socket>();

before(async () => {
  server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      const request = requestIn(pending);
      if (request === null) return;
      pending = Buffer.alloc(0);
      answer(socket, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  server.close();
  for (const socket of sockets) socket.destroy();
  await once(server, 'close');
});

interface Request {
  readonly method: string;
  readonly path: string;
  readonly authorized: boolean;
}

/** Null until it is whole. */
function requestIn(bytes: Buffer): Request | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = bytes.subarray(0, end).toString('latin1');
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
  if (bytes.length < end + 4 + length) return null;
  const [method = '', path = ''] = head.split(' ', 2);
  return { method, path, authorized: /^authorization: Bearer good/im.test(head) };
}

function answer(socket: Socket, request: Request): void {
  const name = /case-\d+/.exec(request.path)?.[0] ?? '';
  const known = cases.get(name);
  assert.ok(known);
  const bytes = bytesOf(request, replyTo(request), known.framing);
  known.lengths.push(bytes.length);
  const { cut } = known;
  const count = known.lengths.length;
  if (cut !== null && (cut.once ? count === cut.from : count >= cut.from) && cut.at < bytes.length) {
    socket.write(bytes.subarray(0, cut.at), () => socket[cut.end]());
    return;
  }
  if (known.framing === 'close') socket.end(bytes);
  else socket.write(bytes);
}

/** What a whole registry says. */
function replyTo({ method, path, authorized }: Request): Reply {
  const typed = [`Content-Type: ${MEDIA_TYPE.ociManifest}`, `Docker-Content-Digest: ${DIGEST}`];
  const isClosed = path.includes('/closed/');
  if (path.startsWith('/token')) return { status: '200 OK', body: Buffer.from('{"token":"good","expires_in":300}') };
  if (isClosed && !authorized) {
    const realm = `${url}/token?${/case-\d+/.exec(path)?.[0]}`;
    return { status: '401 Unauthorized', headers: [`WWW-Authenticate: Bearer realm="${realm}",service="x"`] };
  }
  if (path.includes('/absent'))
    return { status: '404 Not Found', body: Buffer.from('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}') };
  if (path.includes('/full'))
    return { status: '500 Fault', body: Buffer.from('{"errors":[{"message":"no space left on device"}]}') };
  if (method === 'DELETE') return { status: '202 Accepted' };
  if (method === 'POST')
    return path.includes('mount=')
      ? { status: '201 Created' }
      : { status: '202 Accepted', headers: [`Location: ${path}1?state=x`] };
  if (method === 'PUT') return { status: '201 Created' };
  if (path.endsWith('/tags/list'))
    return { status: '200 OK', headers: ['Link: <list2>; rel="next"'], body: Buffer.from('{"tags":["b"]}') };
  if (path.endsWith('/tags/list2')) return { status: '200 OK', body: Buffer.from('{"tags":["a"]}') };
  if (path.includes('/manifests/')) return { status: '200 OK', headers: typed, body: MANIFEST };
  return { status: '200 OK', body: BLOB };
}

function bytesOf(
  { method }: Request,
  { status, headers = [], body = Buffer.alloc(0) }: Reply,
  framing: string,
): Buffer {
  const lines = [`HTTP/1.1 ${status}`, ...headers];
  if (framing === 'length') lines.push(`Content-Length: ${body.length}`);
  if (framing === 'chunks') lines.push('Transfer-Encoding: chunked');
  if (framing === 'close') lines.push('Connection: close');
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  if (method === 'HEAD') return head;
  return Buffer.concat([head, framing === 'chunks' ? chunked(body) : body]);
}

function chunked(body: Buffer): Buffer {
  const half = Math.ceil(body.length / 2);
  const parts = [body.subarray(0, half), body.subarray(half)].filter(({ length }) => length > 0);
  return Buffer.concat([
    ...parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]),
    Buffer.from('0\r\n\r\n'),
  ]);
}

/** What is asked of a repository, and the right answer; null where there is only a fault, which must pass. */
interface Deed {
  readonly name: string;
  readonly ask: (parts: Parts, repository: string) => Promise<unknown>;
  readonly right: unknown;
}

/** A client without tries of its own. */
interface Parts {
  readonly session: Session;
  readonly manifests: Manifests;
  readonly blobs: Blobs;
}

const DESCRIPTOR = { mediaType: MEDIA_TYPE.ociManifest, digest: DIGEST, size: MANIFEST.length };
const WHOLE = { mediaType: MEDIA_TYPE.ociManifest, digest: DIGEST, bytes: MANIFEST };
const DEEDS: readonly Deed[] = [
  { name: 'head', ask: ({ manifests }, to) => manifests.head(to, 'tag'), right: DESCRIPTOR },
  { name: 'get by tag', ask: ({ manifests }, to) => manifests.get(to, 'tag'), right: WHOLE },
  { name: 'get with a token', ask: ({ manifests }, to) => manifests.get(`${to}/closed`, 'tag'), right: WHOLE },
  { name: 'get of nothing', ask: ({ manifests }, to) => manifests.get(`${to}/absent`, 'tag'), right: null },
  { name: 'get of a full disk', ask: ({ manifests }, to) => manifests.get(`${to}/full`, 'tag'), right: undefined },
  {
    name: 'put',
    ask: ({ manifests }, to) => manifests.put(to, 'tag', MEDIA_TYPE.ociManifest, MANIFEST),
    right: DIGEST,
  },
  { name: 'delete', ask: ({ manifests }, to) => manifests.deleteManifest(to, DIGEST), right: true },
  { name: 'blob', ask: ({ blobs }, to) => blobs.get(to, BLOB_DIGEST, 1_000), right: BLOB },
  {
    name: 'blob as a stream',
    ask: async ({ blobs }, to) => {
      const stream = await blobs.stream(to, BLOB_DIGEST);
      return stream && buffer(stream);
    },
    right: BLOB,
  },
  { name: 'blob put', ask: ({ blobs }, to) => blobs.put(to, BLOB), right: BLOB_DIGEST },
  { name: 'blob mounted', ask: ({ blobs }, to) => blobs.mount(to, BLOB_DIGEST, 'other'), right: true },
  {
    name: 'tags',
    ask: ({ session }, to) =>
      readPages(session, { method: 'GET', to: `/v2/${to}/tags/list`, scopes: [] }, 'tags', [404]),
    right: ['a', 'b'],
  },
];

function partsOf(transport: Transport): Parts {
  const credentials = new CredentialSource({ kind: 'none' }, 'x', {});
  const session = new Session(new URL(url), transport, new Authorizer(transport, credentials, false));
  return { session, manifests: new Manifests(session), blobs: new Blobs(session) };
}

function add(
  framing: Case['framing'],
  cut: Cut | null,
): { readonly name: string; readonly lengths: readonly number[] } {
  const name = `case-${cases.size}`;
  const lengths: number[] = [];
  cases.set(name, { framing, cut, lengths });
  return { name, lengths };
}

async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const queue = [...all];
  const next = async (): Promise<void> => {
    for (let one = queue.pop(); one !== undefined; one = queue.pop()) await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

/** Each cut of each answer that a deed gets. */
async function cutsOf(transport: Transport, { ask, right }: Deed, framing: Case['framing']): Promise<readonly Cut[]> {
  const { name, lengths } = add(framing, null);
  const got = await ask(partsOf(transport), name).catch((thrown: unknown) => thrown);
  if (right === undefined) assert.ok(got instanceof ServiceError);
  else assert.deepEqual(got, right);
  return lengths.flatMap((length, index) =>
    ENDS.flatMap((end) =>
      Array.from({ length }, (_, at): Cut => ({ from: index + 1, once: false, at, end })).filter(
        ({ at }) => end === 'end' || at % RESET_EACH === 0,
      ),
    ),
  );
}

for (const framing of FRAMINGS) {
  test(`an answer framed by ${framing} and cut at any byte is right or a fault that passes`, async () => {
    const transport = new Transport('cut', 5_000);
    const outcomes = { right: 0, passing: 0 };
    for (const deed of DEEDS) {
      const cuts = await cutsOf(transport, deed, framing);
      await each(cuts, async (cut) => {
        const told = `${deed.name}, ${JSON.stringify(cut)}`;
        try {
          assert.deepEqual(await deed.ask(partsOf(transport), add(framing, cut).name), deed.right, told);
          outcomes.right += 1;
        } catch (thrown) {
          if (!(thrown instanceof ServiceError)) throw thrown;
          assert.ok(thrown.transient, `${told}: ${thrown.code}: ${thrown.message}`);
          outcomes.passing += 1;
        }
      });
    }
    transport.close();
    assert.ok(outcomes.right > 0 && outcomes.passing > 1_000, JSON.stringify(outcomes));
  });
}

test('a client that is cut off once gets the right answer at its next try', async () => {
  const registry = openRegistry({ name: 'cut', url, credentials: { kind: 'none' }, timeoutMs: 5_000 });
  const deeds: readonly [(client: Registry, to: string) => Promise<unknown>, unknown, number][] = [
    [(client, to) => client.head(to, 'tag'), DESCRIPTOR, 1],
    [(client, to) => client.getManifest(to, 'tag'), WHOLE, 1],
    [(client, to) => client.getBlob(to, BLOB_DIGEST, 1_000), BLOB, 1],
    [(client, to) => client.putBlob(to, BLOB), BLOB_DIGEST, 2],
    [(client, to) => client.tags(to), ['a', 'b'], 2],
  ];
  const all = deeds.flatMap(([ask, right, requests]) =>
    FRAMINGS.flatMap((framing) =>
      Array.from({ length: requests }, (_, index) =>
        // Before the answer, in its first line, in its headers, and in what is left of it.
        [0, 5, 40, 75, 110, 140, 170].map((at) => ({ ask, right, framing, from: index + 1, at })),
      ).flat(),
    ),
  );
  await each(all, async ({ ask, right, framing, from, at }) => {
    const { name } = add(framing, { from, at, once: true, end: 'end' });
    assert.deepEqual(await ask(registry, name), right, `${framing} ${from} ${at}`);
  });
  await registry.close();
});
