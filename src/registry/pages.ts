import { isJsonObject, type Json } from '../kernel/json.js';
import { nonsense } from './faults.js';
import type { Call, Session } from './session.js';
import { type Answer, bodyFault, readAll } from './transport.js';

const PAGE_BYTES = 16_777_216;
const MAX_PAGES = 1_000;

/**
 * All pages of a list (`Link: <…>; rel="next"`), sorted, each name once. `missing` says which statuses mean that there
 * is none (null). Throws as `Session.ask`; `internal` for pages without end.
 */
export async function readPages(
  session: Session,
  first: Call,
  member: string,
  missing: readonly number[],
): Promise<readonly string[] | null> {
  const names = new Set<string>();
  let call = first;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await session.ask(call);
    if (answer.status !== 200) {
      const fault = await session.unexpected(call, answer);
      if (page === 0 && missing.includes(answer.status)) return null;
      throw fault;
    }
    const next = nextOf(answer.headers['link']);
    const bytes = await readAll(session.registry, answer, PAGE_BYTES);
    for (const name of namesOf(session.registry, answer, bytes, member)) names.add(name);
    if (next === null) return [...names].sort();
    const from = session.resolve(call.to);
    const to = session.resolve(next, from);
    if (to.origin !== from.origin || to.href === from.href)
      throw nonsense(session.registry, 'links its list’s next page to a place that is none');
    call = { ...first, to };
  }
  throw nonsense(session.registry, `gives more than ${MAX_PAGES} pages of a list`);
}

/** The target of the link `next` (RFC 8288); null for the last page. */
export function nextOf(header: string | string[] | undefined): string | null {
  const links = Array.isArray(header) ? header.join(',') : (header ?? '');
  for (const [, target, parameters] of links.matchAll(/<([^<>]*)>([^<]*)/g))
    if (/;\s*rel\s*=\s*"?next\b/i.test(parameters ?? '')) return target ?? null;
  return null;
}

function namesOf(registry: string, answer: Answer, bytes: Buffer, member: string): readonly string[] {
  let parsed: Json;
  try {
    parsed = JSON.parse(bytes.toString('utf8')) as Json;
  } catch {
    throw bodyFault(registry, answer, 'answers a list with something that is not JSON');
  }
  const list = isJsonObject(parsed) ? (parsed[member] ?? []) : null;
  if (!Array.isArray(list) || !list.every((name) => typeof name === 'string'))
    throw nonsense(registry, `answers a list without ${member}`);
  return list;
}
