import type { BuildRow } from '../../src/ledger/index.js';
import type { Build } from '../../src/messages/index.js';
import type { Rows } from './folded.js';
import type { World } from './world.js';

/** What a schedule must not leave behind. */
export interface Violation {
  readonly kind:
    | 'lost'
    | 'unasked'
    | 'two_requests'
    | 'two_digests'
    | 'two_terminals'
    | 'wrong_tags'
    | 'orphans'
    | 'dead_letters'
    | 'restless';
  readonly text: string;
}

const REQUESTS = /\.container\.build\.requested(\.cascade)?$/;
const ENDS = /\.container\.build\.(completed|failed|canceled)$/;

/** True when every build that was asked for has come to its end, or gives way to one that has. */
export function isSettled({ scenario, broker }: World): boolean {
  return scenario.asked.every(({ build }) => unsettled(broker.rows, build.id) === null);
}

function unsettled(rows: Rows, id: string): string | null {
  const row = rows.row(id);
  if (row === null) return `${id.slice(0, 6)} is not on the log`;
  if (row.ended) return null;
  if (row.state === 'canceled' && row.successor !== null && unsettled(rows, row.successor) === null) return null;
  // What it waits for will not come: it says so, and is asked for again when a later build of that parent completes.
  const waitsFor = row.state === 'skipped' ? (row.skipped?.waitingFor ?? []) : [];
  const isOver = (component: string): boolean =>
    rows.all().some((other) => other.component === component && other.state === 'failed');
  if (waitsFor.some(isOver)) return null;
  return `${row.component} ${id.slice(0, 6)} is ${row.state}, attempt ${row.attempt}`;
}

/** Reads only the log, the registry, the engines and the broker's claims; git gave the order of the commits. */
export function judge(world: World): readonly Violation[] {
  const folded = world.broker.rows;
  const rows = world.scenario.asked.map(({ build }) => folded.row(build.id)).filter((row) => row !== null);
  return [
    ...world.scenario.asked.flatMap(({ build }) => violation('lost', unsettled(folded, build.id))),
    ...rows.flatMap((row) => [...terminals(world, row), ...digests(world, row), ...tags(world, row, rows)]),
    ...unasked(world),
    ...requests(world),
    ...orphans(world),
    ...world.broker.dead.map((message) => ({ kind: 'dead_letters' as const, text: `${message.topic} is dead` })),
  ];
}

function violation(kind: Violation['kind'], text: string | null): Violation[] {
  return text === null ? [] : [{ kind, text }];
}

/** Builds that nobody asked for: a push that became two, or one of which nothing should come. */
function unasked({ scenario, broker }: World): Violation[] {
  const asked = new Set(scenario.asked.map(({ build }) => build.id));
  return broker.rows
    .all()
    .filter(({ id }) => !asked.has(id))
    .map((row) => ({ kind: 'unasked', text: `${nameOf(row)}: nobody asked for ${row.source.commit.slice(0, 7)}` }));
}

/** An attempt is asked for under one id, by whatever ways and however often it is asked for. */
function requests({ broker }: World): Violation[] {
  const ids = new Map<string, string>();
  return broker.log.flatMap(({ message }) => {
    if (!REQUESTS.test(message.topic)) return [];
    const { build } = message.body as unknown as { readonly build: Build };
    const key = `${build.id} ${build.attempt} ${message.topic}`;
    const first = ids.get(key) ?? message.id;
    ids.set(key, first);
    return first === message.id
      ? []
      : [{ kind: 'two_requests', text: `${nameOf(build)}, attempt ${build.attempt}: ${first} and ${message.id}` }];
  });
}

/** One build has one end: one id, one state, one image, however often it was said. */
function terminals({ broker }: World, row: BuildRow): Violation[] {
  const said = new Set<string>();
  for (const { message } of broker.log) {
    const end = ENDS.exec(message.topic)?.[1];
    const body = message.body as { build?: { id?: string }; reason?: { code?: string }; image?: { digest?: string } };
    if (end === undefined || body.build?.id !== row.id || body.reason?.code === 'superseded') continue;
    said.add(`${end} ${message.id.slice(0, 6)} ${body.image?.digest?.slice(7, 13) ?? ''}`);
  }
  return said.size <= 1 ? [] : [{ kind: 'two_terminals', text: `${nameOf(row)}: ${[...said].join('; ')}` }];
}

function digests({ registry }: World, row: BuildRow): Violation[] {
  const repository = `f41/${row.component}`;
  const ever = registry.history.get(`${repository}:build-${row.id}`) ?? [];
  const now = registry.at(repository, `build-${row.id}`);
  const said = row.state === 'completed' ? row.image?.digest : undefined;
  if (ever.length <= 1 && (said === undefined || said === now)) return [];
  const all = ever.map((digest) => digest.slice(7, 13)).join(', ');
  return [
    { kind: 'two_digests', text: `${nameOf(row)}: its tag stood for ${all}; the log says ${said?.slice(7, 13)}` },
  ];
}

/** The primary tag is the build's own; floating tags are of the newest completed commit. */
function tags(world: World, row: BuildRow, rows: readonly BuildRow[]): Violation[] {
  if (row.state !== 'completed') return [];
  const history = (world.git.histories.get(row.source.repository) ?? []).map(({ commit }) => commit);
  const age = ({ source }: BuildRow): number => history.indexOf(source.commit);
  const rivals = rows.filter((other) => other.component === row.component && other.state === 'completed');
  const isNewest = rivals.every((other) => age(other) <= age(row));
  const wanted = [`${row.version}-${row.release}`, ...(isNewest ? ['2.4', 'latest'] : [])];
  const repository = `f41/${row.component}`;
  return wanted
    .filter((tag) => world.registry.at(repository, tag) !== row.image?.digest)
    .map((tag) => ({
      kind: 'wrong_tags',
      text: `${nameOf(row)}: ${tag} is ${world.registry.at(repository, tag)?.slice(7, 13)}, not ${row.image?.digest.slice(7, 13)}`,
    }));
}

function orphans({ broker }: World): Violation[] {
  return [...broker.claims.keys()]
    .filter((key) => !/^(process\.|planner$)/.test(key))
    .map((key) => ({ kind: 'orphans', text: `the claim ${key} is still held` }));
}

function nameOf({ component, id }: Pick<BuildRow, 'component' | 'id'>): string {
  return `${component} ${id.slice(0, 6)}`;
}
