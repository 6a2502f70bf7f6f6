import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { inspectDockerfile } from '../../../src/builder/decide/dockerfile.js';
import {
  CLASSIC_FRONTEND,
  frontendOf,
  neededFrontend,
  refuseFacts,
  refusePlatform,
} from '../../../src/builder/decide/policy.js';

const TARGET = { name: 'f41', allowSyntax: false, allowAddUrl: false };

function facts(text: string) {
  const result = inspectDockerfile(text, { path: 'Dockerfile', buildArgs: {} });
  assert.ok(result.ok);
  return result.value;
}

function refusal(text: string, target = TARGET, frontend = 2): string | null {
  return refuseFacts(facts(text), target, frontend)?.message ?? null;
}

describe('what a target or an engine does not allow', () => {
  test('a frontend of the file’s own', () => {
    assert.match(refusal('# syntax=x/y\nFROM a') ?? '', /^Line 1: the frontend x\/y is not allowed for f41\./);
    assert.equal(refusal('# syntax=x/y\nFROM a', { ...TARGET, allowSyntax: true }), null);
  });

  test('ADD from the network', () => {
    assert.match(refusal('FROM a\nADD https://x/y /') ?? '', /^Line 2: ADD https:\/\/x\/y comes from the network/);
    assert.equal(refusal('FROM a\nADD https://x/y /', { ...TARGET, allowAddUrl: true }), null);
  });

  test('build secrets, whatever the target', () => {
    const all = { ...TARGET, allowSyntax: true, allowAddUrl: true };
    assert.match(refusal('FROM a\nRUN --mount=type=secret,id=x ls', all, 99) ?? '', /type=secret is not supported yet/);
  });

  test('a construct that the engine’s builder does not know', () => {
    const heredoc = 'FROM a\nRUN <<E\nFROM b\nE';
    assert.match(refusal(heredoc) ?? '', /^Line 2: the engine's builder is too old for here-documents\.$/);
    assert.equal(refusal(heredoc, TARGET, 4), null);
    assert.equal(refusal(`# syntax=x\n${heredoc}`, { ...TARGET, allowSyntax: true }), null);
    assert.equal(refusal('FROM a\nRUN --mount=type=cache,target=/c ls'), null);
    assert.match(
      refusal('FROM a\nRUN --mount=type=cache,target=/c ls', TARGET, CLASSIC_FRONTEND) ?? '',
      /Line 2: the classic builder does not have RUN --mount\.$/,
    );
    assert.equal(refusal('FROM a\nRUN ls', TARGET, CLASSIC_FRONTEND), null);
  });

  test('the needed frontend is the newest construct’s', () => {
    assert.equal(neededFrontend(facts('FROM a')), CLASSIC_FRONTEND);
    assert.equal(neededFrontend(facts('FROM a\nCOPY --chmod=1 a b\nCOPY --link a b')), 4);
  });

  test('engines by their versions', () => {
    const docker = (version: string) => frontendOf({ kind: 'docker', version });
    assert.deepEqual(['19.03.1', '20.10.24+dfsg1', '23.0.1', '28.1.0'].map(docker), [CLASSIC_FRONTEND, 2, 4, 14]);
    assert.ok(docker('99.0') > 1_000);
    assert.equal(docker('odd'), CLASSIC_FRONTEND);
    assert.ok(frontendOf({ kind: 'podman', version: '4.3.1' }) < 4);
    assert.ok(frontendOf({ kind: 'podman', version: '5.2.0' }) >= 4);
  });
});

describe('a platform that a Dockerfile asks for', () => {
  const of = (from: string, engine: string): string | null => {
    const facts = inspectDockerfile(`FROM ${from} busybox\n`, { path: 'Dockerfile', buildArgs: {}, platform: engine });
    assert.ok(facts.ok);
    return refusePlatform(facts.value, engine)?.message ?? null;
  };

  it('is refused when the engine has another', () => {
    assert.equal(
      of('--platform=linux/s390x', 'linux/amd64'),
      'Line 1: no engine builds for linux/s390x; this one builds for linux/amd64.',
    );
    assert.notEqual(of('--platform=windows/amd64', 'linux/amd64'), null);
    assert.notEqual(of('--platform=linux/arm/v6', 'linux/arm/v7'), null);
  });

  it('is the engine’s own under any of its names', () => {
    for (const asked of ['linux/amd64', 'amd64', 'linux', 'linux/x86_64', '$BUILDPLATFORM', 'LINUX/amd64'])
      assert.equal(of(`--platform=${asked}`, 'linux/amd64'), null, asked);
    assert.equal(of('--platform=linux/arm', 'linux/arm/v7'), null);
  });
});
