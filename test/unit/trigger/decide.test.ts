import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { err, ok } from '../../../src/kernel/result.js';
import { type Decision, decideBuilds, pathsQuestion } from '../../../src/trigger/decide/builds.js';
import type { Push } from '../../../src/trigger/decide/push.js';
import { sampleCommit } from '../../support/samples.js';
import { SETTINGS, samplePush } from './samples.js';

function decide(parts: Partial<Push> = {}, changed: readonly string[] | null = ['Dockerfile']): Decision {
  return decideBuilds(samplePush(parts), SETTINGS, changed);
}

/** `component@target` of what is built; `component@target:code` of what is not; the code of a push that leads nowhere. */
function outcome({ builds, notBuilt, refusal }: Decision): readonly string[] {
  return [
    ...builds.map(({ component, target }) => `${component}@${target}`),
    ...notBuilt.map(({ candidate, refusal: { code } }) => `${candidate.component}@${candidate.target}:${code}`),
    ...(refusal === null ? [] : [refusal.code]),
  ];
}

test('a push to a branch of a target is built from the clone URL of its rule', () => {
  const { builds } = decide();
  assert.deepEqual(builds, [
    {
      component: 'nginx',
      target: 'f41',
      repository: {
        rule: 0,
        namespace: 'container',
        repo: 'nginx',
        url: 'https://src.example.org/container/nginx.git',
      },
      ref: 'f41',
      commit: sampleCommit('nginx'),
      path: '',
      buildArgs: {},
      pattern: 'f41',
    },
  ]);
});

test('a push is built for every target that has its ref', () => {
  assert.deepEqual(outcome(decide({ ref: ok('main') })), ['nginx@rawhide', 'nginx@edge']);
});

test('a tag is built where a target has tags, and a branch pattern takes no tag', () => {
  assert.deepEqual(outcome(decide({ ref: ok('tags/v1') })), ['nginx@released']);
  const settings = {
    ...SETTINGS,
    targets: [{ name: 'all', refs: ['**'], onBranchCreate: 'build' as const, closed: false }],
  };
  assert.deepEqual(outcome(decideBuilds(samplePush({ ref: ok('tags/v1') }), settings, null)), ['no_target']);
});

test('an exception without a repository gives build arguments to the component that a rule names', () => {
  assert.deepEqual(decide({ repo: 'httpd' }).builds[0]?.buildArgs, { MPM: 'event' });
});

test('of a repository with several images those are built that the changed paths touch', () => {
  const monorepo = (changed: readonly string[] | null): readonly string[] =>
    outcome(decide({ repo: 'monorepo' }, changed));
  assert.deepEqual(monorepo(['images/tools/Dockerfile']), ['tools@f41', 'shell@f41:paths_unchanged']);
  assert.deepEqual(monorepo(['images/shell/a/b']), ['shell@f41', 'tools@f41:paths_unchanged']);
  assert.deepEqual(monorepo(['images/shellfish/a']), ['tools@f41:paths_unchanged', 'shell@f41:paths_unchanged']);
  assert.deepEqual(monorepo(['README', 'lib/x.c', 'images/shell/a']), ['tools@f41', 'shell@f41']);
  assert.deepEqual(monorepo(null), ['tools@f41', 'shell@f41']);
});

test('an image that is its whole repository is built by every push, an empty commit included', () => {
  assert.deepEqual(outcome(decide({}, [])), ['nginx@f41']);
});

test('a new branch builds every image of its repository, where the target says build', () => {
  assert.deepEqual(outcome(decide({ repo: 'monorepo', created: true }, [])), ['tools@f41', 'shell@f41']);
  assert.deepEqual(outcome(decide({ ref: ok('main'), created: true })), [
    'nginx@edge',
    'nginx@rawhide:branch_created_skip',
  ]);
});

test('a target that skips new branches still builds a new tag', () => {
  const target = { name: 'released', refs: ['tags/*'], onBranchCreate: 'skip' as const, closed: false };
  const push = samplePush({ ref: ok('tags/v1'), created: true });
  assert.deepEqual(outcome(decideBuilds(push, { ...SETTINGS, targets: [target] }, null)), ['nginx@released']);
});

test('every no has its code and a sentence', () => {
  const cases: readonly (readonly [Partial<Push>, string, RegExp])[] = [
    [{ namespace: 'rpms' }, 'stranger', /no rule of `sources` takes the repository rpms\/nginx$/],
    [{ namespace: null }, 'stranger', /takes the repository nginx$/],
    [{ ref: ok('wip') }, 'no_target', /^no target has the branch wip in its `refs`$/],
    [{ ref: ok('tags/1.0') }, 'no_target', /^no target has the tag tags\/1.0/],
    [{ ref: err({ code: 'ref_invalid', reason: 'x' }) }, 'ref_invalid', /^x$/],
    [{ commit: err({ code: 'ref_deleted', reason: 'gone' }) }, 'ref_deleted', /^gone$/],
    [{ repo: 'Nginx' }, 'component_invalid', /“Nginx” can’t name an image .* `components`$/],
  ];
  for (const [parts, code, reason] of cases) {
    const { builds, refusal } = decide(parts);
    assert.deepEqual(builds, []);
    assert.equal(refusal?.code, code);
    assert.match(refusal?.reason ?? '', reason);
  }
  const [closed] = decide({ ref: ok('f40') }).notBuilt;
  assert.equal(closed?.refusal.code, 'target_closed');
  assert.match(closed?.refusal.reason ?? '', /`layerwright build nginx --target f40` builds it all the same$/);
});

test('a stranger’s push is a stranger’s, whatever else is wrong with it', () => {
  const broken: Partial<Push> = {
    ref: err({ code: 'ref_invalid', reason: 'x' }),
    commit: err({ code: 'commit_missing', reason: 'y' }),
  };
  assert.deepEqual(outcome(decide({ namespace: 'rpms', ...broken })), ['stranger']);
});

test('a rule with a host takes only what names that host', () => {
  const app = { namespace: 'apps', repo: 'web' };
  assert.deepEqual(outcome(decide({ ...app, host: 'forge.example.org' })), ['apps/web@f41']);
  assert.deepEqual(outcome(decide({ ...app, host: 'evil.example.org' })), ['stranger']);
  assert.deepEqual(outcome(decide({ ...app, host: null })), ['stranger']);
});

test('a fork is no repository of ours, unless a rule names its namespace', () => {
  const fork = { namespace: 'forks/mallory/container', fork: true };
  assert.deepEqual(outcome(decide(fork)), ['stranger']);
  const rule = { clone: 'https://src.example.org/{namespace}/{repo}.git', component: '{repo}' };
  const settings = (namespace?: string) => ({
    ...SETTINGS,
    sources: [{ match: namespace === undefined ? {} : { namespace }, ...rule }],
  });
  assert.deepEqual(outcome(decideBuilds(samplePush(fork), settings(), null)), ['stranger']);
  assert.deepEqual(outcome(decideBuilds(samplePush(fork), settings('forks/**'), null)), ['nginx@f41']);
});

test('git is asked for paths only when the answer decides something', () => {
  const asked = (parts: Partial<Push>): boolean =>
    pathsQuestion(samplePush({ repo: 'monorepo', paths: null, ...parts }), SETTINGS) !== null;
  assert.ok(asked({}));
  assert.ok(!asked({ paths: [] }), 'the message has the list');
  assert.ok(!asked({ repo: 'nginx' }), 'one image, the whole repository');
  assert.ok(!asked({ created: true }), 'a new branch is built whole');
  assert.ok(!asked({ before: null }), 'nothing to compare with');
  assert.ok(!asked({ namespace: 'rpms' }), 'a stranger');
  assert.ok(!asked({ ref: ok('wip') }), 'no target');
  assert.ok(!asked({ ref: ok('f40') }), 'the target is closed');
});

test('more changed paths never build less', () => {
  const path = fc.constantFrom('README', 'lib/x', 'images/tools/a', 'images/shell/b', 'images/x', 'images/tools');
  fc.assert(
    fc.property(fc.array(path), fc.array(path), (some, more) => {
      const built = (changed: readonly string[]): readonly string[] =>
        decide({ repo: 'monorepo' }, changed).builds.map(({ component }) => component);
      const all = built([...some, ...more]);
      for (const component of built(some)) assert.ok(all.includes(component));
    }),
  );
});
