import { ServiceError } from '../../kernel/service-error.js';
import { withoutEnd } from '../../kernel/text.js';
import { type ArchivePage, readPage } from '../archive-page.js';
import type { Found, SourceTold } from '../ports.js';
import { type ArchiveClient, fault } from './archive-client.js';

/** Rows of a page; datagrepper refuses more. */
const ROWS = 100;
/** Pages that are asked for at most: two million messages. */
const MAX_PAGES = 20_000;
const PATHS = ['v2/search', 'raw'];

export interface ArchiveQuery {
  readonly since: Date;
  readonly until: Date;
  /** Exact topics; empty for all. */
  readonly topics: readonly string[];
}

/** The address of a datagrepper-compatible server. Throws `usage`. */
export function archiveUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const shown = JSON.stringify(text.slice(0, 200));
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ServiceError('usage', `${shown} is no http or https URL`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new ServiceError('usage', 'the URL of an archive has no user and no password');
  }
  return url;
}

/**
 * What a datagrepper-compatible server has of a time, page by page. Messages that come twice are dropped. Throws
 * `archive_unavailable`: no answer in spite of some tries, no JSON, or pages that bring nothing new.
 */
export async function* archiveSource(
  base: URL,
  client: ArchiveClient,
  query: ArchiveQuery,
  told: SourceTold,
): AsyncGenerator<readonly Found[]> {
  const seen = new Set<string>();
  let rows = 0;
  let total: number | null = null;
  const pages = pagesOf(base, client, query);
  for await (const { page, number, url } of pages) {
    rows += page.rows;
    total ??= page.total;
    for (const { row, reason } of page.bad) told.bad(`row ${row} of page ${number}`, reason);
    const fresh = page.found.filter(({ message }) => !seen.has(message.id));
    for (const { message } of fresh) seen.add(message.id);
    if (page.found.length > 0 && fresh.length === 0) {
      throw fault(url, `repeats itself: its page ${number} has nothing that was not on those before`);
    }
    yield fresh.filter(({ at }) => at === null || at <= query.until);
  }
  if (total !== null && rows < total) told.bad('the archive', `said that it has ${total} messages, and gave ${rows}`);
  if (total !== null && rows > total) told.note(`the archive said that it has ${total} messages, and gave ${rows}`);
}

interface Numbered {
  readonly page: ArchivePage;
  readonly number: number;
  readonly url: URL;
}

/** Pages until one is not full and the server says of no more; it is believed that there are more, not that there are none. */
async function* pagesOf(base: URL, client: ArchiveClient, query: ArchiveQuery): AsyncGenerator<Numbered> {
  let path: URL | null = null;
  for (let number = 1; number <= MAX_PAGES; number += 1) {
    const asked: Asked = await askPage(path === null ? placesOf(base) : [path], client, query, number);
    path = asked.place;
    const page = readPage(asked.body);
    if (!page.ok) throw fault(path, page.error);
    if (page.value.rows === 0) return;
    yield { page: page.value, number, url: path };
    if (page.value.rows < ROWS && (page.value.pages ?? 0) <= number) return;
  }
  throw fault(base, `has more than ${MAX_PAGES} pages of ${ROWS}; choose a shorter time`);
}

interface Asked {
  readonly place: URL;
  readonly body: unknown;
}

async function askPage(
  places: readonly URL[],
  client: ArchiveClient,
  query: ArchiveQuery,
  number: number,
): Promise<Asked> {
  for (const place of places) {
    const body = await client.get(questionOf(place, query, number));
    if (body !== null) return { place, body };
  }
  throw fault(places[0] ?? new URL('http://invalid'), 'has no such page (404)');
}

/** Where to ask: there itself when that is an endpoint, else below. */
function placesOf(base: URL): readonly URL[] {
  const path = withoutEnd(base.pathname, /\//);
  if (PATHS.some((known) => path.endsWith(`/${known}`))) return [base];
  return PATHS.map((known) => new URL(`${path}/${known}`, base));
}

function questionOf(place: URL, { since, until, topics }: ArchiveQuery, page: number): URL {
  const url = new URL(place);
  url.search = new URLSearchParams([
    ['start', String(since.getTime() / 1_000)],
    ['end', String(until.getTime() / 1_000)],
    ['order', 'asc'],
    ['rows_per_page', String(ROWS)],
    ['page', String(page)],
    ...topics.map((topic) => ['topic', topic]),
  ] as [string, string][]).toString();
  return url;
}
