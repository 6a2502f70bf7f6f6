/** What is kept of the messages about one wave; as with builds, it is a set, and the order of reading does not count. */
import { derivedId } from '../kernel/ids.js';
import { err, ok, type Result } from '../kernel/result.js';
import { type Message, parseOurs, type WaveClosedV1, type WaveOpenedV1 } from '../messages/index.js';
import type { WaveRow } from './contract.js';
import type { Meta } from './fold.js';

type Opened = Meta & { readonly id: string; readonly body: WaveOpenedV1 };
type Closed = Meta & { readonly id: string; readonly body: WaveClosedV1 };

/** Of copies, and of what two planners say of one wave, what is first on the log counts. */
export interface WaveFacts {
  readonly id: string;
  readonly opened: Opened | null;
  readonly closed: Closed | null;
}

/** A message of ours about one wave, its form found sound. */
export interface SoundWave {
  readonly wave: string;
  readonly message: Message;
  readonly body:
    | { readonly name: 'opened'; readonly body: WaveOpenedV1 }
    | { readonly name: 'closed'; readonly body: WaveClosedV1 };
}

/** The id of a wave: every planner that opens one over the same change for the same rebuild gives it the same. */
export function waveId({ message, rebuild }: Pick<WaveOpenedV1['wave'], 'message' | 'rebuild'>): string {
  return derivedId('wave', message, rebuild);
}

/** Reads a message about a wave; null: it is about something else. An error says why it is skipped. */
export function readWave(prefix: string, message: Message): Result<SoundWave, string> | null {
  const parsed = parseOurs(prefix, message);
  if (parsed === null || !parsed.ok) return null;
  const ours = parsed.value;
  if (ours.name !== 'wave.opened.v1' && ours.name !== 'wave.closed.v1') return null;
  const { id } = ours.body.wave;
  const computed = waveId(ours.body.wave);
  if (computed !== id) return err(`/wave/id is ${id}, but what opened the wave gives ${computed}`);
  const body =
    ours.name === 'wave.opened.v1'
      ? ({ name: 'opened', body: ours.body } as const)
      : ({ name: 'closed', body: ours.body } as const);
  return ok({ wave: id, message, body });
}

/** Adds a sound message to what is known of its wave. Returns the same object when it tells nothing new. */
export function foldWave(known: WaveFacts | null, { wave, message, body: said }: SoundWave, meta: Meta): WaveFacts {
  const facts = known ?? { id: wave, opened: null, closed: null };
  const before = facts[said.name];
  if (before !== null && before.seq <= meta.seq) return facts;
  return { ...facts, [said.name]: { ...meta, id: message.id, body: said.body } };
}

/** Null while only its end has been read. */
export function waveRowOf({ id, opened, closed }: WaveFacts): WaveRow | null {
  if (opened === null) return null;
  return {
    id,
    message: opened.body.wave.message,
    rebuild: opened.body.wave.rebuild,
    openedBy: opened.id,
    openedSeq: opened.seq,
    openedAt: opened.storedAt,
    changes: opened.body.changes,
    outside: opened.body.outside ?? [],
    due: opened.body.due ?? [],
    members: opened.body.members,
    cycles: opened.body.cycles,
    closedAt: closed?.storedAt ?? null,
    results: closed?.body.results ?? [],
  };
}
