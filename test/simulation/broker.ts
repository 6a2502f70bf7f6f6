import { type LogEntry, type Topology, topology } from '../../src/bus/index.js';
import { logOf } from '../../src/bus/topology.js';
import { GIT_TOPICS } from '../../src/kernel/git-topics.js';
import { anyTopic } from '../../src/kernel/topic-pattern.js';
import type { BuildRow } from '../../src/ledger/index.js';
import type { Message } from '../../src/messages/index.js';
import { PREFIX } from '../support/samples.js';
import { LogFold, Rows } from './folded.js';
import { frozen } from './frozen.js';
import type { Random } from './random.js';
import type { Life, Scheduler } from './scheduler.js';

/** How one broker differs from another; each schedule draws one. */
export interface BrokerKind {
  /** A message id is stored once (with `again`: once more), as NATS and the embedded bus do; RabbitMQ stores each. */
  readonly dropsCopies: boolean;
  /** Milliseconds after which what a connection held is free when its process died: 0 where the broker sees it at once. */
  readonly leaseOfDeadMs: number;
  /** The same for a process that stands still, or whose connection was cut. */
  readonly leaseMs: number;
  /** Chance that a group gets a message twice. */
  readonly doubles: number;
  /** Milliseconds by which the log has a message later than its groups, at most; 0 where one store is both. */
  readonly logLagsMs: number;
}

export interface StoredEntry extends LogEntry {
  /** The row that it changes: the same for every process that reads the log up to here. */
  readonly row: BuildRow | null;
}

/** A message on its way through a group. */
export interface Item {
  readonly message: Message;
  retries: number;
}

/** Someone who takes messages of a group. */
export interface Taker {
  readonly life: Life;
  readonly free: boolean;
  take(taking: Taking): void;
}

/** An item in a connection's hand; only the taking that still holds may settle it. */
export interface Taking {
  readonly item: Item;
  readonly group: Group;
  readonly taker: Taker;
  holds: boolean;
}

export interface Group {
  readonly name: string;
  readonly wants: (topic: string) => boolean;
  readonly waiting: Item[];
  readonly takers: Set<Taker>;
  /** Items that wait for their time of retry. */
  delayed: number;
}

export interface HeldClaim {
  readonly key: string;
  readonly by: string;
}

/**
 * What is broken on purpose, to see that the judge sees it: claims that exclude nobody, pushes that are over when they are
 * handed out.
 */
export type Sabotage = 'claims' | 'pushes' | null;

/** When the world began, for clocks and times of storing. */
export const BEGINNING = Date.parse('2026-11-24T00:00:00Z');

/** What all connections share: the log, the groups, the claims. Everything here happens at once; the wire is elsewhere. */
export class Broker {
  readonly kind: BrokerKind;
  readonly log: StoredEntry[] = [];
  /** The log as one who reads it from its start sees it. */
  readonly rows = new Rows();
  readonly dead: Message[] = [];
  readonly groups = new Map<string, Group>();
  readonly claims = new Map<string, HeldClaim>();
  readonly takings = new Set<Taking>();
  /** Told of each new entry. */
  readonly readers = new Set<() => void>();
  readonly #fold = new LogFold();
  readonly #scheduler: Scheduler;
  readonly #stored = new Set<string>();
  readonly #ofLags: Random;
  /** Messages that groups have and the log not yet. */
  #late = 0;
  readonly #logOf: (topic: string) => string | null;

  readonly sabotage: Sabotage;

  /** `ofLags` gives the lags of the log and nothing else, so that a world without them is the same as before there were any. */
  constructor(scheduler: Scheduler, kind: BrokerKind, sabotage: Sabotage, ofLags: Random) {
    this.#scheduler = scheduler;
    this.#ofLags = ofLags;
    this.kind = kind;
    this.sabotage = sabotage;
    const plan: Topology = topology({ prefix: PREFIX, git: GIT_TOPICS, gitLog: { maxAgeMs: 1, maxBytes: 1 } });
    this.#logOf = logOf(plan);
    for (const [name, patterns] of Object.entries(plan.groups))
      this.groups.set(name, { name, wants: anyTopic(patterns), waiting: [], takers: new Set(), delayed: 0 });
  }

  /** True when all have it; false: the log gets it later, and `onKept` is called then. */
  store(message: Message, again: string | undefined, onKept: () => void = () => undefined): boolean {
    frozen(message);
    const key = `${message.id} ${again ?? ''}`;
    if (this.kind.dropsCopies && this.#stored.has(key)) return true;
    this.#stored.add(key);
    const log = this.#logOf(message.topic);
    if (log === null) return true;
    const lagMs = log === 'ours' && this.kind.logLagsMs > 0 ? this.#ofLags.below(this.kind.logLagsMs) : 0;
    if (log === 'ours' && lagMs === 0) this.#keep(message);
    if (lagMs > 0) this.#keepLater(message, lagMs, onKept);
    for (const group of this.groups.values()) {
      if (!group.wants(message.topic)) continue;
      const copies = this.#scheduler.random.chance(this.kind.doubles) ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) this.enqueue(group, { message, retries: 0 });
    }
    return lagMs === 0;
  }

  /** Whoever sent it may be gone by then. */
  #keepLater(message: Message, lagMs: number, onKept: () => void): void {
    this.#late += 1;
    this.#scheduler.after(null, lagMs, () => {
      this.#late -= 1;
      this.#keep(message);
      onKept();
    });
  }

  #keep(message: Message): void {
    const position = { at: String(this.log.length), id: message.id };
    const storedAt = new Date(BEGINNING + this.#scheduler.now);
    const row = this.#fold.add(message, this.log.length, storedAt);
    this.log.push({ position, storedAt, message, row });
    this.rows.add(row);
    for (const reader of this.readers) reader();
  }

  enqueue(group: Group, item: Item): void {
    group.waiting.push(item);
    this.hand(group);
  }

  /** Gives what waits to who is free. */
  hand(group: Group): void {
    while (group.waiting.length > 0) {
      const [first, ...others] = [...group.takers].filter((taker) => taker.free);
      if (first === undefined) return;
      const taker = this.#scheduler.random.pick([first, ...others]);
      const item = group.waiting.shift();
      if (item === undefined) return;
      const taking: Taking = { item, group, taker, holds: true };
      this.takings.add(taking);
      taker.take(taking);
    }
  }

  /** True when the taking still held: it is over now. */
  settle(taking: Taking): boolean {
    if (!taking.holds) return false;
    taking.holds = false;
    return this.takings.delete(taking);
  }

  giveBack(taking: Taking): void {
    if (!this.settle(taking) || (this.sabotage === 'pushes' && taking.group.name === 'trigger')) return;
    this.enqueue(taking.group, taking.item);
  }

  later(taking: Taking, afterMs: number): void {
    if (!this.settle(taking)) return;
    taking.group.delayed += 1;
    this.#scheduler.after(null, afterMs, () => {
      taking.group.delayed -= 1;
      this.enqueue(taking.group, taking.item);
    });
  }

  /** Frees what connections held: claims, and messages that nobody acknowledged. */
  free(claims: Iterable<HeldClaim>, takings: Iterable<Taking>): void {
    for (const claim of claims) if (this.claims.get(claim.key) === claim) this.claims.delete(claim.key);
    for (const taking of [...takings]) this.giveBack(taking);
  }

  isHeld(claim: HeldClaim): boolean {
    return this.sabotage === 'claims' || this.claims.get(claim.key) === claim;
  }

  /** Nothing waits, nothing is in hand. */
  get idle(): boolean {
    if (this.takings.size > 0 || this.#late > 0) return false;
    return [...this.groups.values()].every((group) => group.waiting.length === 0 && group.delayed === 0);
  }
}
