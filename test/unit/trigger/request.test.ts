import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildId } from '../../../src/kernel/ids.js';
import { findRepository } from '../../../src/trigger/decide/find.js';
import { explainPush, findPlaces, type PlaceQuery, requestBuild } from '../../../src/trigger/decide/request.js';
import { sampleCommit } from '../../support/samples.js';
import { SETTINGS } from './samples.js';

const COMMIT = sampleCommit('x');

function find(what: string, parts: Partial<PlaceQuery> = {}): string {
  const places = findPlaces(SETTINGS, { what, target: 'f41', ref: null, kind: 'official', ...parts });
  if (!places.ok) return places.error;
  return places.value
    .map(({ component, target, ref, repository, path }) =>
      `${component}@${target} ${repository.url} ${ref} ${path}`.trim(),
    )
    .join('; ');
}

test('a component, a repository and a clone URL all find what is to be built', () => {
  const nginx = 'nginx@f41 https://src.example.org/container/nginx.git f41';
  assert.equal(find('nginx'), nginx);
  assert.equal(find('container/nginx'), nginx);
  assert.equal(find('https://src.example.org/container/nginx.git'), nginx);
  assert.equal(find('https://src.example.org/container/nginx'), nginx);
  assert.equal(find('apps/web'), 'apps/web@f41 https://forge.example.org/apps/web.git f41');
  assert.equal(
    find('https://forge.example.org/apps/web.git'),
    'apps/web@f41 https://forge.example.org/apps/web.git f41',
  );
});

test('a component of a repository with several is found alone, its repository finds all', () => {
  const url = 'https://src.example.org/container/monorepo.git';
  assert.equal(find('tools'), `tools@f41 ${url} f41 images/tools`);
  assert.equal(find('container/monorepo'), `tools@f41 ${url} f41 images/tools; shell@f41 ${url} f41 images/shell`);
});

test('what is of no rule is said to be so', () => {
  assert.equal(find('rpms/bash'), '"rpms/bash" is neither a component nor a repository of `sources`');
  for (const hostile of [
    'https://evil.example.org/container/nginx.git',
    '../x',
    '--upload-pack=x',
    'https://src.example.org/container/../x.git',
    '',
  ]) {
    assert.match(find(hostile), /is neither a component nor a repository/, hostile);
  }
});

test('target and ref follow from each other, or the sentence says which to choose from', () => {
  const url = 'https://src.example.org/container/nginx.git';
  assert.equal(find('nginx', { target: null, ref: 'f41' }), `nginx@f41 ${url} f41`);
  assert.equal(find('nginx', { target: 'released', ref: 'tags/v1' }), `nginx@released ${url} tags/v1`);
  assert.equal(find('nginx', { target: 'rawhide' }), `nginx@rawhide ${url} main`);
  assert.equal(
    find('nginx', { target: null, ref: 'main' }),
    'several targets fit: rawhide, edge; choose one with --target',
  );
  assert.equal(
    find('nginx', { target: null, ref: 'wip' }),
    'no target has wip in its `refs`; the targets are f41, f40, rawhide, edge, released',
  );
  assert.equal(
    find('nginx', { target: 'f99' }),
    'there is no target f99; the targets are f41, f40, rawhide, edge, released',
  );
  assert.equal(
    find('nginx', { target: 'released' }),
    'the target released takes several refs (tags/v*); choose one with --ref',
  );
  assert.match(find('nginx', { ref: '-x' }), /begins with a dash/);
});

test('only a scratch build takes a ref that its target does not have', () => {
  assert.equal(
    find('nginx', { ref: 'wip', kind: 'scratch' }),
    'nginx@f41 https://src.example.org/container/nginx.git wip',
  );
  assert.match(
    find('nginx', { ref: 'wip' }),
    /^the target f41 does not take wip \(its refs: f41\); a scratch build may$/,
  );
});

function place() {
  const places = findPlaces(SETTINGS, { what: 'tools', target: 'f41', ref: null, kind: 'official' });
  assert.ok(places.ok && places.value[0] !== undefined);
  return places.value[0];
}

test('what a person asks for is another build than the push’s, and the same request the same build', () => {
  const asked = { kind: 'official' as const, request: 'r1', release: null, agent: 'ralph', reason: 'again' };
  const build = requestBuild(place(), COMMIT, asked);
  assert.ok(build.ok);
  const identity = {
    component: 'tools',
    target: 'f41',
    commit: COMMIT,
    kind: 'official' as const,
    buildArgs: { LANG: 'C.UTF-8' },
  };
  assert.equal(build.value.id, buildId({ ...identity, causeKey: 'r1' }));
  assert.notEqual(build.value.id, buildId({ ...identity, causeKey: '' }));
  assert.deepEqual(build.value.cause, {
    type: 'person',
    key: 'r1',
    message: null,
    wave: null,
    agent: 'ralph',
    reason: 'again',
    parents: null,
  });
});

test('an isolated build is one for each release, whoever asks', () => {
  const asked = { kind: 'isolated' as const, request: 'r1', release: '5.f41.hotfix', agent: null, reason: null };
  const one = requestBuild(place(), COMMIT, asked);
  const two = requestBuild(place(), COMMIT, { ...asked, request: 'r2' });
  assert.ok(one.ok && two.ok);
  assert.equal(one.value.id, two.value.id);
  assert.equal(one.value.release, '5.f41.hotfix');
  assert.deepEqual(requestBuild(place(), COMMIT, { ...asked, release: null }), {
    ok: false,
    error: 'an isolated build needs a release',
  });
  assert.ok(!requestBuild(place(), COMMIT, { ...asked, kind: 'official' }).ok);
  assert.ok(!requestBuild(place(), 'abcd', asked).ok);
});

test('what a push would do can be asked without one', () => {
  const explained = explainPush(SETTINGS, { repository: 'container/monorepo', ref: 'refs/heads/main', commit: COMMIT });
  assert.ok(explained.ok);
  assert.deepEqual(
    explained.value.builds.map(({ component, target, pattern }) => [component, target, pattern]),
    [
      ['tools', 'rawhide', 'main'],
      ['shell', 'rawhide', 'main'],
      ['tools', 'edge', 'main'],
      ['shell', 'edge', 'main'],
    ],
  );
  const elsewhere = explainPush(SETTINGS, {
    repository: 'https://forge.example.org/apps/web',
    ref: 'f41',
    commit: COMMIT,
  });
  assert.ok(elsewhere.ok);
  assert.equal(elsewhere.value.builds[0]?.component, 'apps/web');
  assert.ok(!explainPush(SETTINGS, { repository: 'rpms/bash', ref: 'f41', commit: COMMIT }).ok);
});

test('what a push would do hangs on what it changes, and on whether its branch is new', () => {
  const head = { repository: 'container/monorepo', ref: 'main', commit: COMMIT };
  const wanted = (push: Parameters<typeof explainPush>[2]): readonly string[] => {
    const explained = explainPush(SETTINGS, head, push);
    return explained.ok ? explained.value.builds.map(({ component, target }) => `${component} ${target}`) : [];
  };
  assert.deepEqual(wanted({ changed: ['images/shell/x'] }), ['shell rawhide', 'shell edge']);
  assert.deepEqual(wanted({ changed: [] }), []);
  assert.deepEqual(wanted({ created: true, changed: [] }), ['tools edge', 'shell edge'], 'rawhide skips new branches');
});

test('a repository on a local path is found by its path', () => {
  const settings = {
    ...SETTINGS,
    sources: [{ match: { namespace: 'demo' }, clone: 'file:///srv/git/{namespace}/{repo}.git', component: '{repo}' }],
  };
  const found = findRepository(settings, 'file:///srv/git/demo/base.git');
  assert.ok(found.ok);
  assert.deepEqual(found.value.repository, {
    rule: 0,
    namespace: 'demo',
    repo: 'base',
    url: 'file:///srv/git/demo/base.git',
  });
});
