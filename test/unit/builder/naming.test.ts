import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { buildLabels } from '../../../src/builder/decide/labels.js';
import {
  attemptTag,
  type BuildNames,
  type NamingInput,
  nameBuild,
  repositoryOf,
  TAKEN,
  uniqueTag,
} from '../../../src/builder/decide/naming.js';
import { isTag } from '../../../src/kernel/image-ref.js';

const BASIC: NamingInput = {
  buildId: 'c0ffee00-0000-5000-8000-000000000000',
  component: 'httpd',
  kind: 'official',
  labels: { version: '2.4' },
  target: { name: 'f41', dist: '.f41', defaultVersion: null, latest: false },
  branch: 'f41',
  commit: '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d',
  commitCount: 17,
  stamp: null,
  givenRelease: null,
  taken: 0,
};

function names(changes: Partial<NamingInput> = {}): BuildNames {
  const result = nameBuild({ ...BASIC, ...changes });
  assert.ok(result.ok, result.ok ? '' : result.error.message);
  return result.value;
}

function refusal(changes: Partial<NamingInput>): string {
  const result = nameBuild({ ...BASIC, ...changes });
  assert.ok(!result.ok);
  return `${result.error.code}: ${result.error.message}`;
}

describe('what a build is called', () => {
  test('a push: version of the label, number of commits, dist', () => {
    assert.deepEqual(names(), {
      name: 'httpd',
      version: '2.4',
      release: '17.f41',
      nvr: 'httpd-2.4-17.f41',
      primaryTag: '2.4-17.f41',
      floatingTags: ['2.4'],
    });
  });

  test('a rebuild has its stamp, a taken tag the commit, one that is taken as well the build', () => {
    assert.equal(names({ stamp: new Date('2026-11-23T17:15:00.9Z') }).release, '17.20261123171500.f41');
    assert.equal(names({ taken: 1 }).primaryTag, '2.4-17.f41.g1a2b3c4');
    assert.equal(names({ taken: 2 }).primaryTag, '2.4-17.f41.g1a2b3c4.c0ffee00');
  });

  test('the version: git tag, label, OCI label, the target’s default, in this order', () => {
    const labels = { version: '1', 'org.opencontainers.image.version': '2' };
    const target = { ...BASIC.target, defaultVersion: '3' };
    assert.equal(names({ branch: 'tags/v9', labels, target }).version, 'v9');
    assert.equal(names({ labels, target }).version, '1');
    assert.equal(names({ labels: { ...labels, version: '' }, target }).version, '2');
    assert.equal(names({ labels: {}, target }).version, '3');
  });

  test('without a version both remedies are told', () => {
    assert.match(refusal({ labels: {} }), /^config_invalid: .*LABEL version="…".*default_version to the target f41/);
  });

  test('latest belongs to its owner, and a version that says so does not get it', () => {
    const owner = { ...BASIC.target, latest: true };
    assert.deepEqual(names({ target: owner }).floatingTags, ['2.4', 'latest']);
    assert.deepEqual(names({ labels: { version: 'latest' } }).floatingTags, []);
    assert.deepEqual(names({ labels: { version: 'latest' }, target: owner }).floatingTags, ['latest']);
  });

  test('a release given stands as it is, and is refused when taken', () => {
    const labels = { version: '2.4', release: '5' };
    assert.equal(names({ labels }).nvr, 'httpd-2.4-5');
    assert.match(refusal({ labels, taken: 1 }), /^release_taken: .*already has the release 5/);
    assert.equal(names({ kind: 'isolated', givenRelease: '6', labels }).release, '6');
    assert.match(refusal({ kind: 'isolated', givenRelease: '6', taken: 1 }), /^release_taken/);
    assert.match(refusal({ kind: 'isolated' }), /^config_invalid: .*--isolated RELEASE/);
  });

  test('isolated builds move no floating tag, scratch builds have none at all and take nobody’s NVR', () => {
    const isolated = names({ kind: 'isolated', givenRelease: '6', target: { ...BASIC.target, latest: true } });
    assert.deepEqual(isolated.floatingTags, []);
    assert.equal(isolated.primaryTag, '2.4-6');
    const scratch = names({ kind: 'scratch', target: { ...BASIC.target, latest: true } });
    assert.deepEqual([scratch.primaryTag, scratch.floatingTags], [null, []]);
    assert.equal(scratch.nvr, 'httpd-2.4-17.f41.scratch.c0ffee00');
  });

  test('what a tag cannot hold becomes _, and a dash too', () => {
    assert.equal(names({ labels: { version: '1.0-rc1+git' } }).primaryTag, '1.0_rc1_git-17.f41');
    assert.equal(names({ branch: 'tags/release/1' }).version, 'release_1');
  });

  test('a version that looks like a tag of ours, or is too long, is refused', () => {
    assert.match(refusal({ labels: { version: `build-${BASIC.buildId}` } }), /^config_invalid/);
    assert.match(refusal({ labels: { version: 'sha256-1' } }), /^config_invalid/);
    assert.match(refusal({ labels: { version: 'x'.repeat(64) } }), /at most 63 characters/);
    assert.match(refusal({ labels: { version: '1', release: 'x'.repeat(64) } }), /The release/);
  });

  test('whatever people give, tags are tags, and a floating tag is never a primary one', () => {
    const text = fc.oneof(fc.string({ minLength: 1, maxLength: 20 }), fc.constantFrom('1-2', 'latest', '1.0', '-'));
    const input = fc.record({
      version: text,
      release: fc.option(text),
      taken: fc.constantFrom(...TAKEN),
      latest: fc.boolean(),
    });
    fc.assert(
      fc.property(input, input, (one, other) => {
        const [first, second] = [one, other].map(({ version, release, taken, latest }) =>
          nameBuild({
            ...BASIC,
            labels: release === null ? { version } : { version, release },
            taken,
            target: { ...BASIC.target, latest },
          }),
        );
        if (first?.ok !== true || second?.ok !== true) return;
        const tags = [first.value.primaryTag ?? '', ...first.value.floatingTags];
        assert.ok(tags.every(isTag));
        assert.ok(!first.value.floatingTags.includes(second.value.primaryTag ?? ''));
      }),
    );
  });

  test('tags of an id and an attempt, and the repository', () => {
    assert.equal(uniqueTag('x'), 'build-x');
    assert.equal(attemptTag('x', 3), 'build-x.3');
    assert.equal(repositoryOf({ repository: 'f41/{component}' }, 'httpd'), 'f41/httpd');
  });
});

describe('the labels of an image', () => {
  const input = {
    buildId: 'b1',
    component: 'httpd',
    target: 'f41',
    version: '2.4',
    release: '17.f41',
    source: { repository: 'https://src.example.org/container/httpd.git', commit: BASIC.commit },
    created: new Date('2026-11-23T17:15:00.123Z'),
    platform: 'linux/arm64',
    base: { name: 'registry.example.org/base:1', digest: 'sha256:b' },
    parents: [
      { resolved: 'registry.example.org/base:1', digest: 'sha256:b' },
      { resolved: 'registry.example.org/tools:2', digest: 'sha256:c' },
    ],
    own: { name: 'f41/httpd', version: 'overruled', 'io.layerwright.build': 'forged' },
  };

  test('are OCI’s, dist-git’s and ours', () => {
    assert.deepEqual(buildLabels(input), {
      'org.opencontainers.image.created': '2026-11-23T17:15:00Z',
      'org.opencontainers.image.revision': BASIC.commit,
      'org.opencontainers.image.source': 'https://src.example.org/container/httpd.git',
      'org.opencontainers.image.version': '2.4',
      'org.opencontainers.image.base.name': 'registry.example.org/base:1',
      'org.opencontainers.image.base.digest': 'sha256:b',
      name: 'f41/httpd',
      version: '2.4',
      release: '17.f41',
      architecture: 'aarch64',
      'build-date': '2026-11-23T17:15:00Z',
      'vcs-type': 'git',
      'vcs-ref': BASIC.commit,
      'vcs-url': 'https://src.example.org/container/httpd.git',
      'com.redhat.component': 'httpd',
      'distribution-scope': 'private',
      'io.layerwright.build': 'b1',
      'io.layerwright.component': 'httpd',
      'io.layerwright.target': 'f41',
      'io.layerwright.parents': 'registry.example.org/base:1@sha256:b registry.example.org/tools:2@sha256:c',
    });
  });

  test('say nothing of a base when there is none', () => {
    const labels = buildLabels({ ...input, base: null, parents: [], own: {} });
    assert.equal(labels['org.opencontainers.image.base.name'], undefined);
    assert.equal(labels['io.layerwright.parents'], '');
    assert.equal(labels['name'], 'httpd');
  });
});
