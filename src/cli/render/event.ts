import type { Message, Ours, WaveClosedV1, WaveOpenedV1 } from '../../messages/index.js';
import { colourOfState, type Paint } from './colour.js';
import { duration, safe, shortId } from './text.js';

/** One event of the log in a few words, for a line and for machines. */
export interface Event {
  readonly time: string;
  readonly topic: string;
  readonly id: string;
  readonly state: string;
  readonly build: string | null;
  readonly component: string | null;
  readonly target: string | null;
  readonly nvr: string | null;
  /** The wave that is told of, or that asked for the build. */
  readonly wave: string | null;
  /** Milliseconds since the build was asked for or begun, or the wave opened, where an end is told. */
  readonly duration_ms: number | null;
  /** What there is to say: a digest, a failure's sentence, a reason. */
  readonly text: string;
}

/** States that say how long it took. */
const ENDS: ReadonlySet<string> = new Set(['completed', 'failed', 'canceled', 'closed']);

type Said = Omit<Event, 'time' | 'topic' | 'id' | 'duration_ms'>;

/** The event of a message of ours; null for one that people do not watch for (output). */
export function eventOf(
  ours: Ours,
  message: Message,
  storedAt: Date,
  beganAt: (id: string) => Date | null,
): Event | null {
  const said = say(ours);
  if (said === null) return null;
  const id = said.build ?? said.wave;
  const since = id !== null && ENDS.has(said.state) ? beganAt(id) : null;
  return {
    time: storedAt.toISOString(),
    topic: message.topic,
    id: message.id,
    ...said,
    duration_ms: since !== null ? Math.max(0, storedAt.getTime() - since.getTime()) : null,
  };
}

function say(ours: Ours): Said | null {
  switch (ours.name) {
    case 'build.output.v1':
      return null;
    case 'build.cancel.v1':
      return {
        ...NOTHING,
        state: 'cancel',
        build: ours.body.build,
        text: [ours.body.agent, ours.body.reason].filter((part) => part !== null).join(': '),
      };
    case 'build.requested.v1':
    case 'build.requested.cascade.v1': {
      const { build } = ours.body;
      const { type, wave } = build.cause;
      const text = `${type} ${build.source.commit.slice(0, 8)}${wave === null ? '' : ` of wave ${shortId(wave)}`}`;
      return { ...about(build), state: 'requested', text };
    }
    case 'build.started.v1':
      return {
        ...about(ours.body.build),
        state: 'started',
        text: `attempt ${ours.body.build.attempt} on ${ours.body.process.host}`,
      };
    case 'build.completed.v1':
      return { ...about(ours.body.build), state: 'completed', text: ours.body.image.digest };
    case 'build.failed.v1':
      return {
        ...about(ours.body.build),
        state: 'failed',
        text: `${ours.body.failure.code}: ${ours.body.failure.message}`,
      };
    case 'build.canceled.v1':
      return { ...about(ours.body.build), state: 'canceled', text: ours.body.reason.message };
    case 'build.skipped.v1':
      return { ...about(ours.body.build), state: 'skipped', text: ours.body.reason.message };
    case 'wave.opened.v1':
      return { ...NOTHING, wave: ours.body.wave.id, state: 'opened', text: openedText(ours.body) };
    case 'wave.closed.v1':
      return { ...NOTHING, wave: ours.body.wave.id, state: 'closed', text: closedText(ours.body) };
  }
}

const NOTHING = { build: null, component: null, target: null, nvr: null, wave: null } as const;

/** `f41/base has changed: 12 to rebuild`. */
function openedText({ changes, outside = [], due = [], members, cycles }: WaveOpenedV1): string {
  const names = [
    ...changes.map(({ target, component }) => `${target}/${component}`),
    ...outside.map(({ name }) => name),
  ];
  const changed = names.length === 0 && due.length > 0 ? dueText(due) : changedText(names);
  const left = cycles.flat().length;
  const note = left === 0 ? '' : `, ${left} in cycles left out`;
  return `${changed}: ${members.length} to rebuild${note}`;
}

function changedText([first = 'an image', ...more]: readonly string[]): string {
  return more.length === 0 ? `${first} has changed` : `${first} and ${more.length} more have changed`;
}

function dueText([first, ...more]: readonly string[]): string {
  return more.length === 0 ? `${first} is due` : `${first} and ${more.length} more are due`;
}

type Outcome = WaveClosedV1['results'][number]['outcome'];

/** In the order in which they are told. */
const NONE: Readonly<Record<Outcome, number>> = { completed: 0, unchanged: 0, failed: 0, canceled: 0, stopped: 0 };

/** `3 completed, 1 failed`. */
function closedText({ results }: WaveClosedV1): string {
  const counts = { ...NONE };
  for (const { outcome } of results) counts[outcome] += 1;
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.map(([outcome, count]) => `${count} ${outcome}`).join(', ') || 'nothing to rebuild';
}

function about(build: {
  id: string;
  component: string;
  target: string;
  nvr: string | null;
  cause: { wave: string | null };
}): Omit<Said, 'state' | 'text'> {
  const { id, component, target, nvr, cause } = build;
  return { build: id, component, target, nvr, wave: cause.wave };
}

/** A message that is not ours, as an event. */
export function foreignEvent(message: Message, storedAt: Date): Event {
  return {
    time: storedAt.toISOString(),
    topic: message.topic,
    id: message.id,
    ...NOTHING,
    state: 'message',
    duration_ms: null,
    text: message.topic,
  };
}

const STATE_COLUMNS = 9;
const NAME_COLUMNS = 24;

/** `10:31:07  httpd f41               completed  2.4 s  httpd-2.4-17.f41  sha256:…`, one line. */
export function eventLine(event: Event, paint: Paint): string {
  const name = nameOf(event);
  const parts = [
    paint('grey', event.time.slice(11, 19)),
    safe(name).padEnd(NAME_COLUMNS),
    paint(colourOfState(event.state), event.state.padEnd(STATE_COLUMNS)),
    event.duration_ms === null ? '' : duration(event.duration_ms),
    event.nvr === null ? '' : safe(event.nvr),
    safe(event.text),
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function nameOf({ component, target, build, wave }: Event): string {
  if (component !== null) return `${component} ${target ?? ''}`;
  if (build !== null) return shortId(build);
  return wave === null ? '' : `wave ${shortId(wave)}`;
}
