import type { Message, Ours } from '../../messages/index.js';
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
  /** Milliseconds since the build was asked for or begun, where an end is told. */
  readonly duration_ms: number | null;
  /** What there is to say: a digest, a failure's sentence, a reason. */
  readonly text: string;
}

type Said = Omit<Event, 'time' | 'topic' | 'id' | 'duration_ms'>;

/** The event of a message of ours; null for one that people do not watch for (output). */
export function eventOf(ours: Ours, message: Message, storedAt: Date, since: Date | null): Event | null {
  const said = say(ours);
  if (said === null) return null;
  const ends = said.state === 'completed' || said.state === 'failed' || said.state === 'canceled';
  return {
    time: storedAt.toISOString(),
    topic: message.topic,
    id: message.id,
    ...said,
    duration_ms: ends && since !== null ? Math.max(0, storedAt.getTime() - since.getTime()) : null,
  };
}

function say(ours: Ours): Said | null {
  switch (ours.name) {
    case 'build.output.v1':
      return null;
    case 'build.cancel.v1':
      return {
        state: 'cancel',
        build: ours.body.build,
        component: null,
        target: null,
        nvr: null,
        text: [ours.body.agent, ours.body.reason].filter((part) => part !== null).join(': '),
      };
    case 'build.requested.v1':
    case 'build.requested.cascade.v1': {
      const { build } = ours.body;
      return { ...about(build), state: 'requested', text: `${build.cause.type} ${build.source.commit.slice(0, 8)}` };
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
    case 'wave.opened.v1': {
      const { changes, members } = ours.body;
      const [first, ...more] = changes.map(({ target, component }) => `${target}/${component}`);
      const what =
        more.length === 0 ? `${first ?? 'an image'} has changed` : `${first} and ${more.length} more have changed`;
      return { ...NO_BUILD, state: 'wave', text: `${what}: ${members.length} to rebuild` };
    }
    case 'wave.closed.v1':
      return { ...NO_BUILD, state: 'wave over', text: countsOf(ours.body.results) };
  }
}

const NO_BUILD = { build: null, component: null, target: null, nvr: null } as const;

/** `3 completed, 1 failed`, in the order in which they first occur. */
function countsOf(results: readonly { readonly outcome: string }[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of results) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
}

function about(build: {
  id: string;
  component: string;
  target: string;
  nvr: string | null;
}): Pick<Said, 'build' | 'component' | 'target' | 'nvr'> {
  return { build: build.id, component: build.component, target: build.target, nvr: build.nvr };
}

/** A message that is not ours, as an event. */
export function foreignEvent(message: Message, storedAt: Date): Event {
  return {
    time: storedAt.toISOString(),
    topic: message.topic,
    id: message.id,
    state: 'message',
    build: null,
    component: null,
    target: null,
    nvr: null,
    duration_ms: null,
    text: message.topic,
  };
}

const STATE_COLUMNS = 9;
const NAME_COLUMNS = 24;

/** `10:31:07  httpd f41               completed  2.4 s  httpd-2.4-17.f41  sha256:…`, one line. */
export function eventLine(event: Event, paint: Paint): string {
  const name =
    event.component === null
      ? event.build === null
        ? ''
        : shortId(event.build)
      : `${event.component} ${event.target ?? ''}`;
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
