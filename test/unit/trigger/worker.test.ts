import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildId, messageId } from '../../../src/kernel/ids.js';
import type { JsonObject } from '../../../src/kernel/json.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { type Message, parseOurs } from '../../../src/messages/index.js';
import { silentLogger } from '../../../src/observability/index.js';
import { gitPaths } from '../../../src/trigger/adapters/git-paths.js';
import type { PathsQuestion } from '../../../src/trigger/decide/builds.js';
import { openTrigger, type TriggerParts } from '../../../src/trigger/worker.js';
import { fakeBus } from '../../support/fake-bus.js';
import { PREFIX, SAMPLE_TIME, sampleCommit } from '../../support/samples.js';
import { until } from '../../support/until.js';
import { SETTINGS } from './samples.js';

const COMMIT = sampleCommit('nginx');

function push(commit: JsonObject, id = 'push-1', headers: JsonObject = {}): Message {
  return {
    id,
    topic: 'org.example.git.receive',
    headers,
    body: { commit: { namespace: 'container', repo: 'nginx', branch: 'f41', rev: COMMIT, agent: 'ralph', ...commit } },
  };
}

/** Gives messages to a trigger on a fake bus, waits until it is done with them, and stops it. */
async function run(messages: readonly Message[], answer: readonly string[] | null = null) {
  const bus = fakeBus({ git: ['#.git.receive.#', '#.pagure.git.receive'] });
  const codes: string[] = [];
  const questions: PathsQuestion[] = [];
  const trigger = await openTrigger({
    bus,
    settings: SETTINGS,
    paths: {
      between: async (question) => {
        questions.push(question);
        return answer === null ? { kind: 'unknown' } : { kind: 'known', paths: answer };
      },
    },
    clock: { now: () => SAMPLE_TIME, monotonic: () => 0 },
    log: silentLogger,
    onDecision: (code) => codes.push(code),
  });
  for (const message of messages) await bus.publish(message);
  await trigger.stop();
  const waiting = await bus.waiting('trigger');
  assert.equal(waiting, 0);
  const dead = bus.entries('dead').map(({ message }) => message.body['code']);
  const ours = bus.published.filter(({ topic }) => topic.startsWith(PREFIX));
  await bus.close();
  return { ours, dead, codes, questions };
}

test('a push becomes one request whose ids are computed', async () => {
  const { ours, codes, dead } = await run([push({})]);
  const [request] = ours;
  assert.equal(ours.length, 1);
  assert.ok(request !== undefined);
  const read = parseOurs(PREFIX, request);
  assert.ok(read?.ok && read.value.name === 'build.requested.v1');
  const { build } = read.value.body;
  assert.equal(
    build.id,
    buildId({ component: 'nginx', target: 'f41', commit: COMMIT, kind: 'official', buildArgs: {}, causeKey: '' }),
  );
  assert.equal(request.id, messageId(build.id, 'container.build.requested', 1));
  assert.deepEqual(build.source, {
    repository: 'https://src.example.org/container/nginx.git',
    namespace: 'container',
    branch: 'f41',
    commit: COMMIT,
    path: '',
  });
  assert.deepEqual([build.name, build.version, build.release, build.nvr, build.attempt], [null, null, null, null, 1]);
  assert.deepEqual(build.cause, {
    type: 'push',
    key: '',
    message: 'push-1',
    wave: null,
    agent: 'ralph',
    reason: null,
    parents: null,
  });
  assert.equal(request.headers['fedora_messaging_container_nginx'], true);
  assert.equal(request.headers['fedora_messaging_user_ralph'], true);
  assert.deepEqual([codes, dead], [['requested'], []]);
});

test('one commit told twice, by two paths, is one build', async () => {
  const pagure = {
    id: 'push-2',
    topic: 'org.example.pagure.git.receive',
    headers: {},
    body: {
      repo: { name: 'nginx', namespace: 'container' },
      branch: 'refs/heads/f41',
      end_commit: COMMIT,
      agent: 'ralph',
    },
  };
  const { ours, codes } = await run([push({}), push({}, 'push-1b'), pagure]);
  assert.equal(ours.length, 1);
  assert.deepEqual(codes, ['requested', 'requested', 'requested']);
});

test('a push’s trace goes on; without one the push begins one that every process would begin', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const carried = await run([push({}, 'push-1', { traceparent })]);
  assert.equal(carried.ours[0]?.headers['traceparent'], traceparent);
  const first = (await run([push({}, 'push-1', { traceparent: 'nonsense' })])).ours[0]?.headers['traceparent'];
  assert.match(String(first), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal((await run([push({})])).ours[0]?.headers['traceparent'], first);
});

test('a stranger’s push is counted and nothing else', async () => {
  const { ours, dead, codes } = await run([
    push({ namespace: 'rpms' }),
    push({ namespace: 'rpms', rev: 'x' }, 'push-2'),
  ]);
  assert.deepEqual([ours, dead, codes], [[], [], ['stranger', 'stranger']]);
});

test('a closed target is said on the bus, with the reason', async () => {
  const { ours, codes } = await run([push({ branch: 'f40' })]);
  const read = ours[0] === undefined ? null : parseOurs(PREFIX, ours[0]);
  assert.ok(read?.ok && read.value.name === 'build.skipped.v1');
  assert.equal(read.value.body.reason.code, 'target_closed');
  assert.match(read.value.body.reason.message, /^the target f40 is closed;/);
  assert.deepEqual([ours.length, codes], [1, ['target_closed']]);
});

test('a new branch of a target that skips them is said on the bus', async () => {
  const { ours, codes } = await run([push({ branch: 'rawhide-1', before: '0'.repeat(40) })]);
  assert.equal(ours[0]?.topic, `${PREFIX}.container.build.skipped`);
  assert.deepEqual(codes, ['branch_created_skip']);
});

test('a branch without a target and a deleted branch are silent', async () => {
  const { ours, dead, codes } = await run([push({ branch: 'wip' }), push({ rev: '0'.repeat(40) }, 'push-2')]);
  assert.deepEqual([ours, dead, codes], [[], [], ['no_target', 'ref_deleted']]);
});

test('a broken push to a repository of ours goes to the dead letter', async () => {
  const broken = [push({ rev: 'abcd' }), push({ branch: 'a..b' }, 'push-2'), push({ repo: '../x' }, 'push-3')];
  const { ours, dead, codes } = await run(broken);
  assert.deepEqual(ours, []);
  assert.deepEqual(dead, ['push_invalid', 'push_invalid', 'push_invalid']);
  assert.deepEqual(codes, ['commit_missing', 'ref_invalid', 'push_invalid']);
});

test('git is asked for the paths that the message lacks, and what it does not know is built', async () => {
  const before = sampleCommit('before');
  const monorepo = push({ repo: 'monorepo', before });
  const known = await run([monorepo], ['lib/x']);
  assert.deepEqual(known.questions, [
    { url: 'https://src.example.org/container/monorepo.git', ref: 'f41', before, after: COMMIT },
  ]);
  assert.deepEqual(known.codes, ['requested', 'paths_unchanged']);
  assert.equal(known.ours.length, 1);
  assert.deepEqual((await run([monorepo], null)).codes, ['requested', 'requested']);
});

test('a list of paths in the message is taken without asking git', async () => {
  const stats = { files: { 'images/shell/Dockerfile': {} }, total: { files: 1 } };
  const { ours, codes, questions } = await run([push({ repo: 'monorepo', stats })]);
  assert.deepEqual(questions, []);
  assert.deepEqual(codes, ['requested', 'paths_unchanged']);
  assert.equal(ours[0]?.headers['fedora_messaging_container_shell'], true);
});

test('a request that the bus does not take is tried again, not lost', async () => {
  const bus = fakeBus({ git: ['#.git.receive'] });
  const refusals = [
    new ServiceError('bus_unavailable', 'away', { transient: true }),
    new ServiceError('bus_denied', 'the right to publish it was taken away'),
  ];
  const flaky: TriggerParts['bus'] = {
    consume: (group, handler, options) => bus.consume(group, handler, options),
    publish: async (message) => {
      const refusal = refusals.shift();
      if (refusal !== undefined) throw refusal;
      await bus.publish(message);
      arrived();
    },
  };
  let arrived: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const trigger = await openTrigger({
    bus: flaky,
    settings: SETTINGS,
    paths: { between: async () => ({ kind: 'unknown' }) },
    clock: { now: () => SAMPLE_TIME, monotonic: () => 0 },
    log: silentLogger,
  });
  await bus.publish(push({}));
  await done;
  await trigger.stop();
  assert.equal(bus.published.filter(({ topic }) => topic.startsWith(PREFIX)).length, 1);
  assert.deepEqual(bus.entries('dead'), []);
  await bus.close();
});

test('what git says of changed paths is passed on, and its failure is not knowing', async () => {
  const question = { url: 'https://src.example.org/container/monorepo.git', ref: 'f41', before: 'b', after: 'a' };
  const signal = new AbortController().signal;
  const fetched = { changedPaths: async (from: string, to: string) => [`${from}..${to}`] };
  const knows = gitPaths({ fetch: async () => fetched as never }, silentLogger);
  assert.deepEqual(await knows.between(question, signal), { kind: 'known', paths: ['b..a'] });
  const failing = (away: boolean) =>
    gitPaths(
      { fetch: () => Promise.reject(new ServiceError('source_unavailable', 'why', { transient: true, away })) },
      silentLogger,
    ).between(question, signal);
  assert.deepEqual(await failing(false), { kind: 'unknown' });
  assert.deepEqual(await failing(true), { kind: 'away', reason: 'why' });
});

test('a push that only git can decide waits for its host, and is built whole when that stays away', async () => {
  const bus = fakeBus({ git: ['#.git.receive'] });
  let now = 0;
  let asked = 0;
  const codes: string[] = [];
  const trigger = await openTrigger({
    bus,
    settings: { ...SETTINGS, sourcePatienceMs: 60_000 },
    paths: {
      between: async () => {
        asked += 1;
        // The third question comes when all patience is over.
        if (asked === 3) now = 60_000;
        return { kind: 'away', reason: 'The git host can’t be reached.' };
      },
    },
    clock: { now: () => SAMPLE_TIME, monotonic: () => now },
    log: silentLogger,
    onDecision: (code) => codes.push(code),
  });

  await bus.publish(push({ repo: 'monorepo', before: sampleCommit('before') }));

  await until('all of it is built', () => codes.length === 2);
  assert.equal(asked, 3);
  assert.deepEqual(codes, ['requested', 'requested']);
  await trigger.stop();
  assert.deepEqual(bus.entries('dead'), []);
  await bus.close();
});
