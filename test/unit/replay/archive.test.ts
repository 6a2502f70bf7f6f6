/** Archives over real HTTP: sound ones of both generations, and those that fail, lie and never end. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { archiveClient, archiveSource, archiveUrl, type Found } from '../../../src/replay/index.js';

const SINCE = new Date('2026-11-23T10:00:00Z');
const UNTIL = new Date('2026-11-23T12:00:00Z');
const QUICK = { retries: 2, minDelayMs: 1, maxDelayMs: 5, maxRestMs: 50 };
const servers: Server[] = [];

after(() => {
  for (const server of servers) server.close();
});

type Answer = (url: URL, response: ServerResponse, count: number) => void;

/** A server of a test's own; `asked` has its questions. */
async function serve(answer: Answer): Promise<{ readonly url: string; readonly asked: URL[] }> {
  const asked: URL[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const url = new URL(String(request.url), 'http://archive');
    asked.push(url);
    answer(url, response, asked.length);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/datagrepper`, asked };
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** A row as `/v2/search` has it. */
function row(n: number): object {
  const sentAt = new Date(SINCE.getTime() + n * 1_000).toISOString();
  return {
    id: `m${n}`,
    topic: 'org.example.git.receive',
    body: { n },
    headers: { 'sent-at': sentAt },
    priority: 0,
    queue: null,
  };
}

/** An archive of so many rows that keeps its word, unless `lie` changes a page. */
function pages(rows: number, lie: (page: Record<string, unknown>, number: number) => void = () => undefined): Answer {
  return (url, response) => {
    const [number, size] = [Number(url.searchParams.get('page')), Number(url.searchParams.get('rows_per_page'))];
    const list = Array.from({ length: rows }, (_, n) => row(n)).slice((number - 1) * size, number * size);
    const page = { raw_messages: list, total: rows, pages: Math.ceil(rows / size), count: list.length };
    lie(page, number);
    json(response, page);
  };
}

async function read(url: string) {
  const [found, bad, notes]: [Found[], string[], string[]] = [[], [], []];
  const told = {
    bad: (where: string, reason: string) => bad.push(`${where} ${reason}`),
    note: (text: string) => notes.push(text),
  };
  const client = archiveClient({
    signal: new AbortController().signal,
    onRetry: (text) => notes.push(text),
    policy: QUICK,
  });
  const query = { since: SINCE, until: UNTIL, topics: ['org.example.git.receive'] };
  for await (const batch of archiveSource(archiveUrl(url), client, query, told)) found.push(...batch);
  return { found, ids: found.map(({ message }) => message.id), bad, notes };
}

const unavailable = (message: RegExp) => ({ code: 'archive_unavailable', message });

test('all pages come, once each and in order, by a question that fixes the end', async () => {
  const { url, asked } = await serve(pages(250));
  const { ids, bad, notes } = await read(url);
  assert.deepEqual(
    ids,
    Array.from({ length: 250 }, (_, n) => `m${n}`),
  );
  assert.deepEqual([bad, notes], [[], []]);
  assert.deepEqual(
    asked.map(({ pathname }) => pathname),
    Array(3).fill('/datagrepper/v2/search'),
  );
  const { start, end, order, page, topic } = Object.fromEntries(asked[1]?.searchParams ?? []);
  assert.deepEqual([start, end], ['1795428000', '1795435200']);
  assert.deepEqual([order, page, topic], ['asc', '2', 'org.example.git.receive']);
});

test('an archive of the older generation is found, and its messages are read', async () => {
  const { url } = await serve((asked, response) => {
    if (!asked.pathname.endsWith('/raw')) return json(response, { error: 'not_found' }, 404);
    const old = {
      i: 1,
      msg_id: '2026-abc',
      topic: 'org.example.git.receive',
      timestamp: SINCE.getTime() / 1_000,
      msg: { a: 1 },
    };
    return json(response, { raw_messages: [old], total: 1, pages: 1, count: 1 });
  });
  const { found } = await read(url);
  assert.deepEqual(found, [
    {
      message: { id: '2026-abc', topic: 'org.example.git.receive', headers: {}, body: { a: 1 } },
      line: null,
      at: SINCE,
    },
  ]);
});

test('what is later than the end is not taken, and rows that are no messages are told', async () => {
  const late = { ...row(1), id: 'late', headers: { 'sent-at': '2026-11-23T13:00:00Z' } };
  const { url } = await serve((_, response) =>
    json(response, { raw_messages: [row(0), late, { topic: 't' }, 7], total: 4 }),
  );
  const { ids, bad } = await read(url);
  assert.deepEqual(ids, ['m0']);
  assert.deepEqual(bad, ['row 3 of page 1 has no body that is an object', 'row 4 of page 1 is no JSON object']);
});

test('a row that is nested without end is told, and the others come', async () => {
  const deep = `{"id":"deep","topic":"t","body":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`;
  const { url } = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`{"raw_messages":[${deep},${JSON.stringify(row(1))}],"total":2}`);
  });
  const { ids, bad } = await read(url);
  assert.deepEqual([ids, bad], [['m1'], ['row 1 of page 1 is nested too deep']]);
});

test('what passes is tried again, with the rest that the server asks for', async () => {
  const { url, asked } = await serve((question, response, count) => {
    if (count === 1) response.writeHead(503).end();
    else if (count === 2) response.writeHead(429, { 'retry-after': '1' }).end();
    else pages(1)(question, response, count);
  });
  const { ids, notes } = await read(url);
  assert.deepEqual([ids, asked.length], [['m0'], 3]);
  assert.match(notes.join(), /answers with 503.*answers with 429/);
});

test('what stays is said in a sentence, after a bounded number of tries', async () => {
  const { url, asked } = await serve((_, response) => response.writeHead(500).end());
  await assert.rejects(read(url), unavailable(/^the archive http:\S+v2\/search answers with 500$/));
  assert.equal(asked.length, 3);
  await assert.rejects(read('http://127.0.0.1:1/'), unavailable(/can't be reached/));
});

for (const [what, answer, message] of [
  ['HTML', (_, r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>'), /text\/html that is not JSON/],
  ['other JSON', (_, r) => json(r, { messages: [] }), /has no list `raw_messages`/],
  ['a refusal', (_, r) => json(r, { error: 'page must be > 0' }, 400), /answers with 400: page must be > 0/],
  ['nothing at all', (_, r) => json(r, {}, 404), /no such page/],
  [
    'another host',
    (_, r) => r.writeHead(302, { location: 'http://example.org/' }).end(),
    /redirects to http:\/\/example\.org/,
  ],
  [
    'itself',
    (u, r) => r.writeHead(302, { location: u.href.replace('http://archive', '') }).end(),
    /redirects more than 3/,
  ],
] as const satisfies readonly (readonly [string, Answer, RegExp])[]) {
  test(`an answer with ${what} ends it at once`, async () => {
    const { url } = await serve(answer);
    await assert.rejects(read(url), unavailable(message));
  });
}

test('an answer without end is cut off', async () => {
  const { url } = await serve((_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(' '.repeat(1_048_576)));
    };
    response.on('drain', more);
    more();
  });
  await assert.rejects(read(url), unavailable(/more than 67108864 bytes/));
});

test('a page that repeats what was there ends it, and single rows that do are dropped', async () => {
  const endless = await serve(
    pages(0, (page) => Object.assign(page, { raw_messages: Array.from({ length: 100 }, (_, n) => row(n)) })),
  );
  await assert.rejects(read(endless.url), unavailable(/page 2 has nothing that was not/));
  assert.equal(endless.asked.length, 2);
  const some = await serve(
    pages(150, (page, n) => n === 2 && Object.assign(page, { raw_messages: [row(99), row(100)] })),
  );
  const { ids, bad } = await read(some.url);
  assert.deepEqual([ids.length, ids.at(-1)], [101, 'm100']);
  assert.deepEqual(bad, ['the archive said that it has 150 messages, and gave 102']);
});

test('counts that are too small are not believed', async () => {
  const { url } = await serve(pages(250, (page) => Object.assign(page, { total: 3, pages: 1, count: 3 })));
  const { ids, notes } = await read(url);
  assert.equal(ids.length, 250);
  assert.deepEqual(notes, ['the archive said that it has 3 messages, and gave 250']);
});

test('only plain web addresses are asked', () => {
  for (const text of ['file:///etc/passwd', 'ftp://a/', 'nonsense', 'http://user:pw@archive/']) {
    assert.throws(() => archiveUrl(text), { code: 'usage' });
  }
});
