import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { buildLogger, type LoggerSettings, openLogger, traceIdOf } from '../../../src/observability/index.js';

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('the logger', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lw-logger-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const open = (settings: Partial<LoggerSettings> = {}) =>
    openLogger({
      level: 'info',
      to: { kind: 'file', path: join(folder, 'log') },
      human: false,
      colour: false,
      base: { process: 'p1' },
      ...settings,
    });
  const lines = async (): Promise<string[]> => (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n');

  it('writes one JSON object a line, with the build and the trace of a child', async () => {
    const { logger, close } = await open();
    buildLogger(logger, 'b1', TRACE).info({ step: 'push' }, 'step done');
    close();
    const [line] = await lines();
    const { time, ...rest } = JSON.parse(line ?? '');
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
    assert.deepEqual(rest, {
      level: 'info',
      process: 'p1',
      build: 'b1',
      trace: '4bf92f3577b34da6a3ce929d0e0e4736',
      step: 'push',
      msg: 'step done',
    });
  });

  it('writes an error with its code, its cause and no secret', async () => {
    const { logger, close } = await open();
    const cause = new Error('GET https://u:pw@host/x refused');
    logger.error({ err: new ServiceError('registry_denied', 'refused', { cause }), token: 'abc' }, 'failed');
    close();
    const [line] = await lines();
    assert.doesNotMatch(line ?? '', /pw@|abc/);
    const parsed = JSON.parse(line ?? '');
    assert.equal(parsed.err.code, 'registry_denied');
    assert.equal(parsed.err.cause.message, 'GET https://[redacted]@host/x refused');
  });

  it('leaves out what is below its level', async () => {
    const { logger, close } = await open();
    logger.debug({}, 'quiet');
    logger.warn({}, 'loud');
    close();
    assert.equal((await lines()).length, 1);
  });

  it('writes a line for people, without control characters and without a stack', async () => {
    const { logger, close } = await open({ human: true });
    logger.warn({ component: 'httpd\u001b[2J', err: new Error('no room') }, 'push failed');
    close();
    const [line] = await lines();
    assert.match(line ?? '', /^\d\d:\d\d:\d\d warn push failed component=httpd\?\[2J - no room$/);
  });

  it('refuses a file that it can not write to with a sentence', async () => {
    await assert.rejects(open({ to: { kind: 'file', path: folder } }), { code: 'usage' });
  });
});

describe('a trace id', () => {
  it('is read from a traceparent and from nothing else', () => {
    assert.equal(traceIdOf(TRACE), '4bf92f3577b34da6a3ce929d0e0e4736');
    for (const other of [undefined, 7, '', 'x', `${TRACE}-more`]) assert.equal(traceIdOf(other), null);
  });
});
