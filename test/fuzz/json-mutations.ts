/** JSON that is almost right: real values with members changed, moved, taken away, or of another kind. */
import fc from 'fast-check';
import { isJsonObject, type Json, type JsonObject } from '../../src/kernel/json.js';
import { ODD_TEXTS } from './mutations.js';

type Key = string | number;

interface Edit {
  readonly kind: 'replace' | 'remove' | 'rename' | 'add' | 'move' | 'damage';
  readonly at: number;
  readonly to: number;
  readonly value: Json;
  readonly text: string;
}

/** Nested so deep that whoever walks it by recursion ends. */
const DEEP = 20_000;

/** Values of every kind, odd ones before all. As JSON would give them: `__proto__` is a member. */
function oddJson(texts: readonly string[]): fc.Arbitrary<Json> {
  const made: readonly string[] = [
    ...['null', 'true', 'false', '0', '-0', '-1', '1.5', '1e400', '1e300', '9007199254740993', '""', '[]', '{}'],
    ...['[null]', '[[]]', '[{}]', '{"":""}', '{"toString":1,"valueOf":1}', '{"length":-1}', '{"0":1}', '{"then":1}'],
    ...['{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}', '[0,1,"2"]'],
    `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`,
    `${'{"a":'.repeat(90)}1${'}'.repeat(90)}`,
  ];
  return fc.oneof(
    fc.constantFrom(...made).map((text) => JSON.parse(text) as Json),
    fc.constantFrom<Json>(...ODD_TEXTS, ...texts),
    fc.jsonValue({ maxDepth: 2, stringUnit: 'binary' }).map((value) => JSON.parse(JSON.stringify(value)) as Json),
  );
}

/** One of the values with some edits; `texts` are put beside what parsers stumble over. Now and then as it is. */
export function damagedJson(values: readonly JsonObject[], texts: readonly string[] = []): fc.Arbitrary<JsonObject> {
  const written = values.map((value) => JSON.stringify(value));
  const edit = fc.record({
    kind: fc.constantFrom<Edit['kind']>('replace', 'replace', 'remove', 'rename', 'add', 'move', 'damage'),
    at: fc.nat(),
    to: fc.nat(),
    value: oddJson(texts),
    text: fc.constantFrom(...ODD_TEXTS, ...texts),
  });
  return fc.tuple(fc.constantFrom(...written), fc.array(edit, { maxLength: 4 })).map(([text, list]) => {
    const root = { root: JSON.parse(text) as Json };
    for (const one of list) apply(root, one);
    return isJsonObject(root.root) ? root.root : { root: root.root };
  });
}

interface Place {
  readonly holder: object;
  readonly key: Key;
}

/** Deeper is not looked at: there is nothing to choose between in a thousand brackets. */
const MAX_DEPTH = 30;

function placesIn(holder: object, depth = 0, found: Place[] = []): Place[] {
  for (const key of Object.keys(holder)) {
    found.push({ holder, key });
    const value = read(holder, key);
    if (typeof value === 'object' && value !== null && depth < MAX_DEPTH) placesIn(value, depth + 1, found);
  }
  return found;
}

function apply(root: object, { kind, at, to, value, text }: Edit): void {
  const places = placesIn(root);
  const place = places[at % places.length];
  const other = places[to % places.length];
  if (place === undefined || other === undefined) return;
  const { holder, key } = place;
  const here = read(holder, key);
  if (kind === 'replace') write(holder, key, value);
  else if (kind === 'add') write(typeof here === 'object' && here !== null ? here : holder, text, value);
  // A copy, so that no value holds itself.
  else if (kind === 'move') write(holder, key, copied(read(other.holder, other.key)));
  else if (kind === 'damage') write(holder, key, typeof here === 'string' ? damaged(here, to, text) : text);
  else {
    if (kind === 'rename') write(holder, text, here);
    if (holder !== root) Reflect.deleteProperty(holder, key);
  }
}

function damaged(text: string, at: number, odd: string): string {
  const from = at % (text.length + 1);
  return text.slice(0, from) + odd + text.slice(from);
}

/** What is nested too deep for a copy is left out. */
function copied(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value) ?? 'null');
  } catch {
    return null;
  }
}

function read(holder: object, key: Key): unknown {
  return Object.getOwnPropertyDescriptor(holder, key)?.value;
}

/** As `JSON.parse` does it: a member of its own, whatever its name. */
function write(holder: object, key: Key, value: unknown): void {
  if (Array.isArray(holder) && key === 'length') return;
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}
