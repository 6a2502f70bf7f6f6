import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogEntry } from '../../../src/bus/index.js';
import { EventStream } from '../../../src/cli/event-stream.js';
import { painter } from '../../../src/cli/render/colour.js';
import { eventLine } from '../../../src/cli/render/event.js';
import type { Message } from '../../../src/messages/index.js';
import {
  cancelCommand,
  canceled,
  completed,
  failed,
  PREFIX,
  requested,
  sampleBuild,
  sampleImage,
  sampleMessage,
  skipped,
  started,
  withNvr,
} from '../../support/samples.js';

const BEGAN = Date.parse('2026-11-23T10:31:00Z');

/** The lines of messages that were stored a second after one another. */
function linesOf(...messages: readonly Message[]): readonly (string | null)[] {
  const stream = new EventStream(PREFIX);
  return messages.map((message, index) => {
    const entry: LogEntry = {
      position: { at: String(index), id: message.id },
      storedAt: new Date(BEGAN + index * 1_000),
      message,
    };
    const event = stream.next(entry);
    return event === null ? null : eventLine(event, painter(false));
  });
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
