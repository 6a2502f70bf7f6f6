/**
 * What a build can be found by beside its columns: every message, digest and name that its facts hold. A term is kept as
 * a number of 47 bits, a fifth of its text; two texts may share one, so whoever finds a build by it looks at its facts.
 */
import type { BuildFacts } from './facts.js';

export type TermKind = 'message' | 'commit' | 'nvr' | 'digest' | 'parent' | 'cause' | 'name';

/** Terms that lead to one build. Place and time are those of the message that gave its image these names, else 0 and null. */
export interface Terms {
  readonly keys: readonly number[];
  readonly place: number;
  /** Milliseconds since 1970. */
  readonly at: number | null;
}

/** A start for each kind, so that a digest is not found as a parent. */
const SEEDS: Readonly<Record<TermKind, number>> = {
  message: 1,
  commit: 2,
  nvr: 3,
  digest: 4,
  parent: 5,
  cause: 6,
  name: 7,
};

/** Keys are below this. */
export const KEYS = 2 ** 47;

/** Keys that are alike in their first 12 bits are a bucket: so many lie together in the ledger's file. */
export const BUCKETS = 4_096;

export function bucketOf(key: number): number {
  return Math.floor(key / (KEYS / BUCKETS));
}

/** The number of a text. Texts are hashed by 16-bit units with two multiplicative hashes of 32 bits ("cyrb53"). */
export function keyOf(kind: TermKind, text: string): number {
  let a = 0xdeadbeef ^ SEEDS[kind];
  let b = 0x41c6ce57 ^ SEEDS[kind];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    a = Math.imul(a ^ unit, 2_654_435_761);
    b = Math.imul(b ^ unit, 1_597_334_677);
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909);
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909);
  // SQLite keeps numbers below 2^47 in six bytes.
  return (b & 0x7fff) * 0x1_0000_0000 + (a >>> 0);
}

/** What messages from a place on the log on add to a build's terms; what came before is written already. */
export function termsOf({ base, facts }: BuildFacts, from: number): readonly Terms[] {
  const keys = new Set<number>();
  const found: Terms[] = [];
  const add = (kind: TermKind, text: string | null): void => {
    if (text !== null) keys.add(keyOf(kind, text));
  };
  for (const { id, told, seq, storedAt } of facts) {
    if (seq < from) continue;
    add('message', id);
    if (told.state === 'cancel') continue;
    add('nvr', told.nvr.nvr);
    if (told.state === 'completed' || told.state === 'failed')
      for (const { digest } of told.parents) add('parent', digest);
    if (told.state !== 'completed') continue;
    add('digest', told.image.digest);
    const names = told.image.references.map((name) => keyOf('name', name));
    found.push({ keys: names, place: seq, at: Date.parse(storedAt) });
  }
  if (base !== null && base.seq >= from) {
    add('commit', base.build.source.commit);
    add('cause', base.build.cause.message);
  }
  return [{ keys: [...keys], place: 0, at: null }, ...found];
}
