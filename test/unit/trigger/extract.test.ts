import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GIT_TOPICS, pushKindOf } from '../../../src/kernel/git-topics.js';
import type { JsonObject } from '../../../src/kernel/json.js';
import { anyTopic } from '../../../src/kernel/topic-pattern.js';
import { extractPush } from '../../../src/trigger/decide/extract.js';
import type { Push } from '../../../src/trigger/decide/push.js';
import { recorded, recordedNames } from '../../support/recorded.js';

/** What a push says, in one line: host, repository, ref, commit's beginning, before, new?, paths, agent. */
function line(push: Push): string {
  const commit = push.commit.ok ? push.commit.value.slice(0, 8) : push.commit.error.code;
  const paths = push.paths === null ? '?' : push.paths.join(' ');
  const ref = push.ref.ok ? push.ref.value : push.ref.error.code;
  const created = push.created === null ? '' : push.created ? ' new' : ' old';
  return `${push.host ?? '-'} ${push.namespace ?? '-'}/${push.repo} ${ref} ${commit}${created} [${paths}] ${push.agent}`;
}

const dist = 'fedmsg_meta/org.fedoraproject.prod';
const PUSHES: Readonly<Record<string, string>> = {
  'fedmsg_meta/io.pagure.prod.pagure.git.receive.json':
    '- -/fedora-websites master c1cdc52d [budget.fedoraproject.org/data/content/index.html] git',
  'fedmsg_meta/io.pagure.prod.pagure.git.receive--2.json':
    '- -/fedoramagazine-images openvpn d71918d8 [images/openvpn.svg] git',
  'fedmsg_meta/io.pagure.prod.pagure.git.receive--3.json':
    '- -/fedora-websites master ec1d633b [budget.fedoraproject.org/data/content/index.html] git',
  'fedmsg_meta/io.pagure.prod.pagure.git.receive--4.json':
    '- -/fedora-websites master e8523c28 [budget.fedoraproject.org/data/content/index.html] git',
  'fedmsg_meta/io.pagure.prod.pagure.git.receive--5.json': '- -/pagure master edc02fbb [?] pingou',
  [`${dist}.git.receive.json`]: '- -/datanommer master 66abdea4 [datanommer.spec] null',
  [`${dist}.git.receive--2.json`]: '- tests/ember master aa2df80f [ember-0.6.3-gcc47.patch] spot',
  [`${dist}.git.receive--3.json`]: '- rpms/valgrind master 7a98f80d [valgrind.spec] mjw',
  [`${dist}.git.receive.valgrind.master.json`]: '- -/valgrind master 7a98f80d [valgrind.spec] mjw',
  [`${dist}.github.push.json`]: 'github.com fedora-infra/github2fedmsg develop 404a4172 old [README.rst] ralphbean',
  [`${dist}.infragit.receive.json`]: '- -/puppet master 6e7177a1 [test] ralph',
  [`${dist}.trac.git.receive.json`]: '- -/moksha dev 24bcd20d [README.rst] ralph',
  [`${dist}.trac.git.receive--2.json`]: '- -/about-fedora dev 24bcd20d [README.rst] ralph',
  'fedora-messaging-git-hook-messages/git.receive.json':
    'example.com dummyns/dummyrepo main 3aa6642b [something.txt] dummy-user',
  'fedora-messaging-git-hook-messages/git.receive--2.json': '- dummyns/dummyrepo main e03df215 [?] dummy-user',
  'freshmaker/org.fedoraproject.prod.git.receive.json':
    '- container/testimage master e1f39d43 [Dockerfile httpd.conf] jkaluza',
  'freshmaker/org.fedoraproject.prod.git.receive--2.json':
    '- modules/testmodule master e1f39d43 [testmodule.yaml] jkaluza',
  'packit-service/org.fedoraproject.prod.forgejo.push.json':
    'forge.fedoraproject.org infra/docs main 139828ad old [modules/sysadmin_sops/pages/copr.adoc] zlopez',
  // Its `end_commit` is `abcd`: a push that is understood and can't be built.
  'packit-service/org.fedoraproject.prod.pagure.git.receive.json':
    '- rpms/buildah main commit_missing [?] rhcontainerbot',
  'webhook-to-fedora-messaging/github.push.json':
    'github.com username/demo_repo main 443f68ce old [README.md] username',
  'webhook-to-fedora-messaging/gitlab.push.json':
    'gitlab.com sdglitched/w2fm-test test-branch 7aa00b22 new [README.md] sdglitched',
  'webhook-to-fedora-messaging-messages/forgejo.push.json':
    'codeberg.org fedora/w2fm-test pull 1c5ccba3 old [flsk.py] gridhead',
  'webhook-to-fedora-messaging-messages/gitlab.push.json':
    'gitlab.com sdglitched/w2fm-test test-branch 7aa00b22 new [README.md] sdglitched',
};

for (const [name, expected] of Object.entries(PUSHES)) {
  test(`${name} is understood as a push`, () => {
    const push = extractPush(recorded(name));
    assert.ok(push.ok, push.ok ? '' : push.error.reason);
    assert.equal(line(push.value), expected);
  });
}

test('every other recorded message is no push, and why is said', () => {
  const others = recordedNames().filter((name) => !(name in PUSHES));
  assert.equal(others.length, 249 - 23);
  for (const name of others) {
    const push = extractPush(recorded(name));
    assert.ok(!push.ok, name);
    assert.equal(push.error.code, 'not_a_push', name);
    assert.match(push.error.reason, /^messages of the topic \S+ do not tell of a push$/, name);
  }
});

test('the default git topics take every recorded push and nothing else, each by one pattern', () => {
  const takes = anyTopic(GIT_TOPICS);
  for (const name of recordedNames()) {
    const { topic } = recorded(name);
    assert.equal(takes(topic), name in PUSHES, topic);
    assert.ok(GIT_TOPICS.filter((pattern) => anyTopic([pattern])(topic)).length <= 1, topic);
  }
});

const COMMIT = 'a'.repeat(40);
const ZERO = '0'.repeat(40);

function extract(topic: string, body: JsonObject): Push {
  const push = extractPush({ id: 'id', topic, headers: {}, body });
  assert.ok(push.ok, push.ok ? '' : push.error.reason);
  return push.value;
}

test('an old fedmsg envelope in the body is taken off', () => {
  const { topic, body } = recorded('freshmaker/org.fedoraproject.prod.git.receive.json');
  const envelope = { msg: body, topic, i: 1, msg_id: '2017-9fef6790', timestamp: 1490703272 };
  assert.equal(extract('fedmsg.archive', envelope).repo, 'testimage');
  assert.equal(extract(topic, envelope).repo, 'testimage');
});

test('a webhook’s push is understood without its wrapping too', () => {
  const { topic, body } = recorded('webhook-to-fedora-messaging/github.push.json');
  assert.deepEqual(extract(topic, body['body'] as JsonObject), extract(topic, body));
});

test('Pagure’s own webhook, whose topic is git.receive, is understood by its shape', () => {
  const body = { repo: { name: 'httpd', namespace: 'container', full_url: 'https://src.example.org/container/httpd' } };
  const push = extract('git.receive', { ...body, branch: 'refs/heads/f41', end_commit: COMMIT, old_commit: ZERO });
  assert.equal(line(push), 'src.example.org container/httpd f41 aaaaaaaa new [?] null');
});

test('a fork on Pagure does not pass for its parent', () => {
  const repo = { name: 'httpd', namespace: 'container', parent: { name: 'httpd' }, user: { name: 'mallory' } };
  const push = extract('pagure.git.receive', { repo, branch: 'f41', end_commit: COMMIT });
  assert.equal(push.namespace, 'forks/mallory/container');
  assert.ok(push.fork);
});

test('a tag on Pagure is a push of a tag', () => {
  const push = extract('pagure.git.tag.creation', {
    repo: { name: 'tools' },
    tag: 'v1.0',
    rev: COMMIT,
    agent: 'ralph',
  });
  assert.equal(line(push), '- -/tools tags/v1.0 aaaaaaaa new [?] ralph');
});

test('an annotated tag’s push names the commit, not the tag’s object', () => {
  const repository = { full_name: 'ns/app', html_url: 'https://github.com/ns/app' };
  const body = { ref: 'refs/tags/v1', before: ZERO, after: 'b'.repeat(40), head_commit: { id: COMMIT }, repository };
  assert.equal(line(extract('github.push', body)), 'github.com ns/app tags/v1 aaaaaaaa new [?] null');
  const project = { path_with_namespace: 'group/sub/app', web_url: 'https://gitlab.example.org/group/sub/app' };
  const tag = { ref: 'refs/tags/v1', before: ZERO, after: 'b'.repeat(40), checkout_sha: COMMIT, project };
  assert.equal(line(extract('gitlab.tag_push', tag)), 'gitlab.example.org group/sub/app tags/v1 aaaaaaaa new [?] null');
});

test('a zero commit is a deleted ref', () => {
  const repository = { full_name: 'ns/app' };
  const push = extract('forgejo.push', { ref: 'refs/heads/f41', before: COMMIT, after: ZERO, repository });
  assert.ok(!push.commit.ok);
  assert.equal(push.commit.error.code, 'ref_deleted');
});

test('a list of changed paths that is or may be cut is no list', () => {
  const commit = { added: ['a'], modified: [], removed: ['b'] };
  const repository = { full_name: 'ns/app' };
  const base = { ref: 'refs/heads/f41', before: 'c'.repeat(40), after: COMMIT, repository };
  const paths = (topic: string, body: JsonObject): readonly string[] | null =>
    extract(topic, { ...base, ...body }).paths;
  const project = { path_with_namespace: 'ns/app' };
  assert.deepEqual(paths('github.push', { commits: [commit] }), ['a', 'b']);
  assert.equal(paths('github.push', { commits: Array.from({ length: 20 }, () => commit) }), null);
  assert.equal(paths('github.push', { commits: [commit], forced: true }), null);
  assert.equal(paths('github.push', { commits: [] }), null);
  assert.equal(paths('github.push', { commits: [{ added: ['a'], modified: [] }] }), null);
  assert.deepEqual(paths('forgejo.push', { commits: [commit], total_commits: 1 }), ['a', 'b']);
  assert.equal(paths('forgejo.push', { commits: [commit], total_commits: 2 }), null);
  assert.equal(paths('forgejo.push', { commits: [commit] }), null);
  assert.deepEqual(paths('gitlab.push', { project, commits: [commit], total_commits_count: 1 }), ['a', 'b']);
  assert.equal(paths('gitlab.push', { project, commits: [commit], total_commits_count: 21 }), null);
  const stats = (files: JsonObject, total: number): JsonObject => ({
    commit: { repo: 'app', branch: 'f41', rev: COMMIT, stats: { files, total: { files: total } } },
  });
  assert.deepEqual(paths('git.receive', stats({ a: {} }, 1)), ['a']);
  assert.equal(paths('git.receive', stats({ a: {} }, 2)), null);
});

test('names that could leave a URL or become an option are refused', () => {
  for (const repo of [
    '../etc',
    '-oProxyCommand=x',
    'a b',
    'a/b',
    '..',
    '.',
    'a%2fb',
    'a\nb',
    '{namespace}',
    'x'.repeat(256),
  ]) {
    const push = extractPush({
      id: 'id',
      topic: 'git.receive',
      headers: {},
      body: { commit: { repo, branch: 'f41', rev: COMMIT } },
    });
    assert.ok(!push.ok, repo);
    assert.equal(push.error.code, 'push_invalid');
  }
  for (const namespace of ['../x', 'a//b', '/a', 'a/', 'a/../b', '-x']) {
    const body = { commit: { repo: 'app', namespace, branch: 'f41', rev: COMMIT } };
    assert.ok(!extractPush({ id: 'id', topic: 'git.receive', headers: {}, body }).ok, namespace);
  }
});

test('whatever JSON a push’s topic carries, it is a push or an explained no, never a throw', () => {
  const topics = GIT_TOPICS.map((pattern) => pattern.replace('#.', 'org.example.').replace('.#', ''));
  const keys = [
    'commit',
    'repo',
    'body',
    'msg',
    'topic',
    'repository',
    'project',
    'name',
    'full_name',
    'ref',
    'branch',
    'rev',
  ];
  const more = [
    'after',
    'before',
    'commits',
    'stats',
    'files',
    'parent',
    'user',
    'path',
    'path_with_namespace',
    'created',
  ];
  const names = [
    'app',
    'ns/app',
    'f41',
    'refs/tags/v1',
    COMMIT,
    ZERO,
    '/srv/git/a.git',
    '__proto__',
    '\u0000',
    'git.receive',
  ];
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 1 })),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...keys, ...more), fc.string()), tie('tree'), { maxKeys: 8 }),
    ),
  }));
  const body = fc.dictionary(fc.constantFrom(...keys, ...more), tree, { maxKeys: 8 });
  fc.assert(
    fc.property(fc.constantFrom(...topics), body, (topic, value) => {
      assert.notEqual(pushKindOf(topic), null, topic);
      const push = extractPush({ id: 'id', topic, headers: {}, body: value as JsonObject });
      if (push.ok) assert.match(push.value.repo, /^[A-Za-z0-9._+-]+$/);
      else assert.ok(push.error.reason.length > 0);
    }),
    { numRuns: 500 },
  );
});
