import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventStream } from '../../../src/cli/event-stream.js';
import { painter } from '../../../src/cli/render/colour.js';
import { type Event, eventLine } from '../../../src/cli/render/event.js';
import type { Message, MessageBodies } from '../../../src/messages/index.js';
import {
  cancelCommand,
  canceled,
  completed,
  failed,
  PREFIX,
  requested,
  requestedCascade,
  sampleBuild,
  sampleDigest,
  sampleImage,
  sampleMessage,
  sampleWave,
  skipped,
  started,
  waveClosed,
  waveOpened,
  withNvr,
} from '../../support/samples.js';

const BEGAN = Date.parse('2026-11-23T10:31:00Z');

/** The events of messages that were stored a second after one another. */
function eventsOf(...messages: readonly Message[]): readonly (Event | null)[] {
  const stream = new EventStream(PREFIX);
  return messages.map((message, index) =>
    stream.next({
      position: { at: String(index), id: message.id },
      storedAt: new Date(BEGAN + index * 1_000),
      message,
    }),
  );
}

/** Their lines. */
function linesOf(...messages: readonly Message[]): readonly (string | null)[] {
  return eventsOf(...messages).map((event) => (event === null ? null : eventLine(event, painter(false))));
}

describe('an event', () => {
  const build = sampleBuild();
  const named = withNvr(build);

  it('is one line with time, component, state, how long it took, NVR and what there is to say', () => {
    const lines = linesOf(requested(build), started(named), completed(named));
    assert.deepEqual(lines, [
      `10:31:00  httpd f41                 requested  push ${build.source.commit.slice(0, 8)}`,
      '10:31:01  httpd f41                 started    httpd-2.4-17.f41  attempt 1 on builder.example.org',
      `10:31:02  httpd f41                 completed  2.0 s  httpd-2.4-17.f41  ${sampleImage(named).digest}`,
    ]);
  });

  it('says why a build made no image', () => {
    const [, failure] = linesOf(requested(build), failed(named));
    assert.match(failure ?? '', /failed {5}1\.0 s {2}httpd-2\.4-17\.f41 {2}build_failed: Step 3 \(RUN make\) ended/);
    assert.match(linesOf(canceled(build))[0] ?? '', /canceled {3}Called off\./);
    assert.match(linesOf(skipped(build))[0] ?? '', /skipped {4}A parent is not built yet\./);
    assert.match(linesOf(cancelCommand(build.id))[0] ?? '', new RegExp(`${build.id.slice(0, 8)} .*cancel {5}ralph`));
  });

  it('tells of a wave what has changed, how many are rebuilt, what became of them and how long it took', () => {
    const wave = sampleWave();
    const short = wave.id.slice(0, 8);
    const rebuild = sampleBuild({ cause: { type: 'rebuild', key: 'parents', wave: wave.id } });
    const lines = linesOf(
      waveOpened(['f41/httpd', 'f41/app', 'f41/shop'], wave, { changes: [changeOf('base')] }),
      requestedCascade(rebuild),
      waveClosed(
        [
          { member: 'f41/httpd', outcome: 'failed', build: rebuild.id, through: [] },
          { member: 'f41/app', outcome: 'stopped', build: null, through: ['f41/httpd'] },
          { member: 'f41/shop', outcome: 'failed', build: rebuild.id, through: [] },
          { member: 'f41/tools', outcome: 'completed', build: rebuild.id, through: [] },
        ],
        wave,
      ),
    );
    assert.deepEqual(lines, [
      `10:31:00  wave ${short}             opened     f41/base has changed: 3 to rebuild`,
      `10:31:01  httpd f41                 requested  rebuild ${rebuild.source.commit.slice(0, 8)} of wave ${short}`,
      `10:31:02  wave ${short}             closed     2.0 s  1 completed, 2 failed, 1 stopped`,
    ]);
  });

  it('counts what has changed, what is left out, and says when there is nothing', () => {
    const changes = [changeOf('base'), changeOf('tools'), changeOf('lib')];
    const [many, none] = linesOf(
      waveOpened(['f41/httpd'], sampleWave(), { changes, cycles: [['f41/a', 'f41/b'], ['f41/c']] }),
      waveClosed([]),
    );
    assert.match(many ?? '', / {2}f41\/base and 2 more have changed: 1 to rebuild, 3 in cycles left out$/);
    assert.match(none ?? '', / {2}nothing to rebuild$/);
    const outside = [{ name: 'quay.io/x/debian:12', digest: sampleDigest('debian'), seen_at: '2026-01-01T00:00:00Z' }];
    const [watched, due] = linesOf(
      waveOpened(['f41/httpd'], sampleWave(), { outside }),
      waveOpened(['f41/httpd', 'f41/app'], sampleWave(), { due: ['f41/httpd', 'f41/app'] }),
    );
    assert.match(watched ?? '', / {2}quay.io\/x\/debian:12 has changed: 1 to rebuild$/);
    assert.match(due ?? '', / {2}f41\/httpd and 1 more are due: 2 to rebuild$/);
  });

  it('names its wave to machines, a rebuild’s own one too', () => {
    const wave = sampleWave();
    const rebuild = withNvr(sampleBuild({ cause: { type: 'rebuild', key: 'parents', wave: wave.id } }));
    const events = eventsOf(waveOpened(['f41/httpd'], wave), completed(rebuild), requested(build));
    assert.deepEqual(
      events.map((event) => [event?.state, event?.build, event?.wave]),
      [
        ['opened', null, wave.id],
        ['completed', rebuild.id, wave.id],
        ['requested', build.id, null],
      ],
    );
  });

  it('leaves out output, and says what is no valid message of ours', () => {
    const output = sampleMessage('build.output.v1', { build: build.id, attempt: 1, first: 0, lines: ['x'] });
    const invalid = { ...requested(build), body: { build: 7 } };
    const [none, line] = linesOf(output, invalid);
    assert.equal(none, null);
    assert.match(line ?? '', /invalid {4}org\.example\.test\.container\.build\.requested: /);
  });

  it('can not be used to steer a terminal', () => {
    const [line] = linesOf(failed(named, { message: 'a\u001b[2Jb\nc' }));
    assert.match(line ?? '', /a\?\[2Jb\?c$/);
  });
});

/** A change of an image of `f41`. */
function changeOf(component: string): MessageBodies['wave.opened.v1']['changes'][number] {
  const { id } = sampleBuild({ component });
  return { component, target: 'f41', build: id, nvr: null, digest: sampleDigest(component), message: id };
}
