/** A judge that can't find anyone guilty is none: logs and registries forged with each fault. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Evidence, judge, type LogLine } from '../../chaos/judge.js';

const [FIRST, SECOND] = ['a'.repeat(40), 'b'.repeat(40)];
const build = (index: number): string => `00000000-0000-5000-8000-00000000000${index}`;
const digest = (index: number): string => `sha256:${String(index).repeat(64)}`;

function line(what: string, index: number, more: object = {}, some: { id?: string; attempt?: number } = {}): LogLine {
  const { id = `${index}-${what}`, attempt = 1 } = some;
  const told = {
    id: build(index),
    source: { commit: index === 1 ? FIRST : SECOND },
    version: '1.0',
    release: `${index}.f41`,
    nvr: `httpd-1.0-${index}.f41`,
    attempt,
  };
  return { id, topic: `org.example.container.build.${what}`, body: { build: told, process: { id: 'p1' }, ...more } };
}

const completed = (index: number, which = index, process = 'p1'): LogLine =>
  line('completed', index, { image: { digest: digest(which) }, process: { id: process } }, { id: `${index}-end` });
const failed = (index: number): LogLine =>
  line('failed', index, { failure: { code: 'internal' } }, { id: `${index}-end` });
const superseded = (index: number): LogLine => line('canceled', index, { reason: { code: 'superseded' } });

const TAGS = {
  [`build-${build(1)}`]: digest(1),
  [`build-${build(1)}.1`]: digest(1),
  [`log-${build(1)}.1`]: digest(7),
  '1.0-1.f41': digest(1),
  [`build-${build(2)}`]: digest(2),
  '1.0-2.f41': digest(2),
  '1.0': digest(2),
  latest: digest(2),
};
const GOOD = [line('requested', 1), line('started', 1), completed(1), line('requested', 2), completed(2)];

function evidence(log: readonly LogLine[], tags: Readonly<Record<string, string>> = TAGS, supersede = false): Evidence {
  return {
    supersede,
    log,
    repositories: [{ component: 'httpd', commits: [FIRST, SECOND], tags }],
    deadLetters: 0,
  };
}

const without = (...names: readonly string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(TAGS).filter(([name]) => !names.some((each) => name.startsWith(each))));

test('a run that went well has no fault', () => {
  const { faults, ...counts } = judge(evidence(GOOD));
  assert.deepEqual(faults, []);
  assert.deepEqual(counts, {
    pushes: 2,
    completed: 2,
    failed: 0,
    canceled: 0,
    lost: 0,
    two_digests: 0,
    two_terminals: 0,
    wrong_tags: 0,
    dead_letters: 0,
    repeated_ends: 0,
    further_attempts: 0,
    attempt_tags: 1,
  });
});

test('copies of one message are one, and the same end told by another process is only counted', () => {
  assert.deepEqual(judge(evidence([...GOOD, completed(2), completed(2)])).repeated_ends, 0);
  const again = judge(evidence([...GOOD, completed(2, 2, 'p2')]));
  assert.deepEqual([again.repeated_ends, again.two_terminals, again.faults], [1, 0, []]);
});

test('a commit that was never asked for, or has no end, is lost', () => {
  const tags = without(`build-${build(1)}`, '1.0-1');
  for (const log of [GOOD.slice(3), [line('started', 1), ...GOOD.slice(3)]]) {
    const { lost, completed: well, wrong_tags, faults } = judge(evidence(log, tags));
    assert.deepEqual([lost, well, wrong_tags], [1, 1, 0], faults.join('\n'));
  }
});

test('with supersede an older commit may give way, its head may not', () => {
  const older = judge(evidence([superseded(1), completed(2)], without(`build-${build(1)}`, '1.0-1'), true));
  assert.deepEqual([older.lost, older.canceled, older.faults], [0, 1, []]);
  const committed = judge(evidence([superseded(1), completed(2)], without('1.0-1'), true));
  assert.deepEqual(committed.faults, [], 'its image may have been committed before');
  const tagged = judge(evidence([superseded(1), completed(2)], without(`build-${build(1)}`), true));
  assert.equal(tagged.wrong_tags, 1);
  const head = judge(evidence([completed(1), superseded(2)], TAGS, true));
  assert.equal(head.lost, 1);
});

test('superseded is no end, and a build that then completes did not end twice', () => {
  assert.equal(judge(evidence([superseded(1), ...GOOD])).two_terminals, 0);
});

test('a failed build is told with its code', () => {
  const { failed: count, faults } = judge(evidence([completed(1), failed(2)], without(`build-${build(2)}`, '1.0-2')));
  assert.equal(count, 1);
  assert.match(faults.join('\n'), /failed: httpd b+, internal/);
});

test('a build that completed and failed, or ended under two ids, ended twice', () => {
  assert.equal(judge(evidence([...GOOD, failed(2)])).two_terminals, 1);
  const other = line('completed', 2, { image: { digest: digest(2) } }, { id: 'another' });
  assert.equal(judge(evidence([...GOOD, other])).two_terminals, 1);
});

test('a commit that was built as two builds ended twice', () => {
  const body = { build: { id: build(3), source: { commit: SECOND } }, image: { digest: digest(2) } };
  const twice = judge(evidence([...GOOD, { id: '3-end', topic: 'x.container.build.completed', body }]));
  assert.ok(twice.two_terminals >= 1);
});

test('two digests of one build are found on the log, and between log and registry', () => {
  assert.equal(judge(evidence([...GOOD, completed(2, 3)])).two_digests, 1);
  assert.equal(judge(evidence(GOOD, { ...TAGS, [`build-${build(1)}`]: digest(5) })).two_digests, 1);
});

test('two builds of one name are found', () => {
  const body = (completed(2).body as { build: object; image: object }).build;
  const same = { ...completed(2), body: { build: { ...body, nvr: 'httpd-1.0-1.f41' }, image: { digest: digest(2) } } };
  assert.equal(judge(evidence([completed(1), same])).two_digests, 1);
});

test('a floating tag that went back, a primary tag that is another’s or missing, a tag of nobody are wrong', () => {
  for (const tags of [
    { ...TAGS, latest: digest(1) },
    { ...TAGS, '1.0': digest(1) },
    { ...TAGS, '1.0-1.f41': digest(2) },
    without('1.0-1.f41'),
    { ...TAGS, '1.0-9.f41': digest(2) },
  ])
    assert.equal(judge(evidence(GOOD, tags)).wrong_tags, 1, JSON.stringify(tags));
});

test('dead letters and commits that git does not have are faults', () => {
  assert.equal(judge({ ...evidence(GOOD), deadLetters: 2 }).faults.length, 1);
  const stray = { id: 'x', topic: 'x.container.build.started', body: { build: { id: 'x', source: { commit: 'c' } } } };
  assert.equal(judge(evidence([...GOOD, stray])).faults.length, 1);
});

test('attempts beyond the first are counted', () => {
  assert.equal(judge(evidence([...GOOD, line('started', 1, {}, { attempt: 3 })])).further_attempts, 2);
});
