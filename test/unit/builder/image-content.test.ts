import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { contentIdentity } from '../../../src/builder/decide/image-content.js';

const CONFIG = {
  architecture: 'amd64',
  os: 'linux',
  created: '2026-11-23T17:15:00Z',
  history: [{ created: '2026-11-23T17:15:00Z', created_by: 'RUN x' }],
  config: {
    Env: ['PATH=/bin'],
    Cmd: ['sh'],
    Image: 'sha256:1',
    Hostname: 'abc',
    Labels: { version: '1', release: '17', 'io.layerwright.build': 'b1', 'vcs-ref': 'c1', 'build-date': 'd1' },
  },
  container_config: { Cmd: ['nop'] },
  docker_version: '20.10',
  rootfs: { type: 'layers', diff_ids: ['sha256:a', 'sha256:b'] },
};

function identity(config: unknown): string {
  const result = contentIdentity(config);
  assert.ok(result.ok);
  return result.value;
}

describe('what an image holds', () => {
  test('is the same whatever the times, the history and the labels of one build', () => {
    const again = {
      rootfs: CONFIG.rootfs,
      os: 'linux',
      architecture: 'amd64',
      created: '2027-01-01T00:00:00Z',
      history: [],
      config: {
        Labels: {
          'io.layerwright.build': 'b2',
          release: '18',
          'org.opencontainers.image.revision': 'c2',
          version: '1',
        },
        Cmd: ['sh'],
        Env: ['PATH=/bin'],
        Volumes: null,
        OnBuild: [],
        WorkingDir: '',
        AttachStdin: false,
      },
    };
    assert.equal(identity(again), identity(CONFIG));
  });

  test('differs with a layer, a setting or a label of the maintainer’s', () => {
    const { config, rootfs } = CONFIG;
    const others = [
      { ...CONFIG, rootfs: { ...rootfs, diff_ids: ['sha256:b', 'sha256:a'] } },
      { ...CONFIG, architecture: 'arm64' },
      { ...CONFIG, config: { ...config, Cmd: ['ash'] } },
      { ...CONFIG, config: { ...config, Labels: { ...config.Labels, version: '2' } } },
      { ...CONFIG, config: { ...config, User: '1' } },
    ];
    const identities = new Set([CONFIG, ...others].map(identity));
    assert.equal(identities.size, others.length + 1);
  });

  test('a config without layers has no identity', () => {
    for (const odd of [null, [], 'x', {}, { rootfs: {} }, { rootfs: { diff_ids: [1] } }])
      assert.ok(!contentIdentity(odd).ok);
    assert.ok(contentIdentity({ rootfs: { diff_ids: [] } }).ok);
  });

  test('a config that is nested beyond all reason has none either', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`);
    assert.ok(!contentIdentity({ ...CONFIG, config: { Entrypoint: deep } }).ok);
  });
});
