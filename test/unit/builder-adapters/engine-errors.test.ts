import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { classify, type EngineTask, requestError } from '../../../src/builder/adapters/engine-errors.js';
import type { FailureCode } from '../../../src/kernel/failure.js';

/** What engines said, word for word: task, HTTP status or null for the progress stream, words, code. */
const SAID: readonly (readonly [EngineTask, number | null, string, FailureCode])[] = [
  ['build', 400, 'dockerfile parse error line 2: unknown instruction: RUNN', 'dockerfile_invalid'],
  ['build', 400, 'the Dockerfile (Dockerfile) cannot be empty', 'dockerfile_invalid'],
  ['build', 400, 'no build stage in current context', 'dockerfile_invalid'],
  [
    'build',
    null,
    'the --mount option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled',
    'dockerfile_invalid',
  ],
  ['build', 500, 'Cannot locate specified Dockerfile: Nope', 'dockerfile_missing'],
  ['build', 400, '"bogus/x/y/z": cannot parse platform specifier: invalid argument', 'platform_unavailable'],
  ['build', null, 'no matching manifest for linux/arm64 in the manifest list entries', 'platform_unavailable'],
  [
    'build',
    null,
    'image with reference base:1 was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64',
    'platform_unavailable',
  ],
  [
    'build',
    null,
    'COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist',
    'build_failed',
  ],
  [
    'build',
    null,
    'ADD failed: Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused',
    'build_failed',
  ],
  ['build', null, 'unable to find user nobody2: no matching entries in passwd file', 'build_failed'],
  [
    'build',
    null,
    'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory: unknown',
    'build_failed',
  ],
  // The engine was killed while it began a step (chaos, nats, docker, seed 5).
  ['build', null, 'failed to create shim task: ttrpc: closed: unknown', 'engine_unavailable'],
  ['build', null, 'manifest for 127.0.0.1:5871/nope:1 not found: manifest unknown: manifest unknown', 'parent_missing'],
  [
    'build',
    null,
    'invalid from flag value 127.0.0.1:5871/nope:1: manifest for 127.0.0.1:5871/nope:1 not found: manifest unknown: manifest unknown',
    'parent_missing',
  ],
  ['build', null, 'name unknown', 'parent_missing'],
  // Pulled, and taken away by the clean-up of the build that had made it (thirty images, embedded).
  ['build', null, `No such image: 127.0.0.1:44147/x/stack@sha256:${'e'.repeat(64)}`, 'engine_unavailable'],
  [
    'build',
    null,
    "pull access denied for nope, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
    'parent_missing',
  ],
  ['build', null, 'Head "http://127.0.0.1:5872/v2/y/manifests/1": no basic auth credentials', 'registry_denied'],
  ['build', null, 'denied', 'registry_denied'],
  [
    'build',
    null,
    'Head "https://r.example/v2/x/manifests/1": unauthorized: authentication required',
    'registry_denied',
  ],
  ['build', null, 'received unexpected HTTP status: 503 Service Unavailable', 'registry_unavailable'],
  ['build', null, 'toomanyrequests: slow down', 'registry_unavailable'],
  [
    'build',
    null,
    'Get "http://127.0.0.1:5999/v2/": dial tcp 127.0.0.1:5999: connect: connection refused',
    'registry_unavailable',
  ],
  [
    'build',
    null,
    'Get "https://no.such.host.invalid/v2/": dial tcp: lookup no.such.host.invalid on 10.255.255.53:53: no such host',
    'registry_unavailable',
  ],
  [
    'build',
    null,
    'Head "http://127.0.0.1:5872/v2/y/manifests/1": read tcp 127.0.0.1:49454->127.0.0.1:5872: read: connection reset by peer',
    'registry_unavailable',
  ],
  ['build', null, 'write /var/lib/docker/tmp/x: no space left on device', 'disk_full'],
  [
    'build',
    null,
    'failed to get digest sha256:0a: open /var/lib/docker/image/overlay2/imagedb/content/sha256/0a: no such file or directory',
    'engine_unavailable',
  ],
  ['build', 500, 'Error processing tar file(exit status 1): write /big: no space left on device', 'disk_full'],
  ['build', null, 'context canceled', 'engine_unavailable'],
  [
    'build',
    null,
    'No such image: sha256:2c45b0787715e9bd633067920ee75d25f216a862f2a4c3c5a20d51d17a79a2c4',
    'engine_unavailable',
  ],
  [
    'build',
    null,
    'unable to find image "sha256:535da46283442c55b6c641495fd621c6e3deffd0fea42883ce7f02274e468bf3"',
    'engine_unavailable',
  ],
  [
    'build',
    null,
    'checking if cached image exists from a previous build: getting top layer info: layer not known',
    'engine_unavailable',
  ],
  ['build', 500, 'invalid something', 'engine_unavailable'],
  ['push', null, 'no basic auth credentials', 'registry_denied'],
  ['push', null, 'denied', 'registry_denied'],
  ['push', null, 'unauthorized: authentication required', 'registry_denied'],
  ['push', null, 'name unknown', 'registry_denied'],
  [
    'push',
    null,
    'Get "http://127.0.0.1:5999/v2/": dial tcp 127.0.0.1:5999: connect: connection refused',
    'registry_unavailable',
  ],
  ['push', null, 'received unexpected HTTP status: 500 Internal Server Error', 'registry_unavailable'],
  ['push', null, 'something new', 'registry_unavailable'],
  ['push', null, 'An image does not exist locally with the tag: 127.0.0.1:5871/absent', 'internal'],
  ['push', null, 'write /x: no space left on device', 'disk_full'],
  ['other', 500, 'server error', 'engine_unavailable'],
  ['other', 409, 'conflict: unable to remove', 'internal'],
];

describe("an engine's words", () => {
  for (const [task, status, message, code] of SAID) {
    test(`${task} ${status ?? 'stream'}: ${message.slice(0, 70)} is ${code}`, () => {
      assert.equal(classify(task, { message, status, exitCode: null }), code);
    });
  }

  test('count for nothing beside an exit code, whose sentence quotes the Dockerfile', () => {
    const message = "The command '/bin/sh -c echo no space left on device; exit 1' returned a non-zero code: 1";
    assert.equal(classify('build', { message, status: null, exitCode: 1 }), 'build_failed');
  });

  test('come without what dockerode puts before them', () => {
    const thrown = Object.assign(new Error('(HTTP code 400) unexpected - dockerfile parse error line 2 '), {
      statusCode: 400,
    });
    const error = requestError('build', 'unix:///x', thrown);
    assert.equal(error.message, "The engine can't read the Dockerfile: dockerfile parse error line 2.");
    assert.equal(error.cause, thrown);
  });
});

describe('an engine that does not answer', () => {
  const FAULTS: readonly (readonly [string, string])[] = [
    ['ENOENT', 'there is no such socket'],
    ['ECONNREFUSED', 'nothing listens there'],
    ['EACCES', 'this user may not open it'],
    ['ECONNRESET', 'it broke the connection off'],
  ];
  for (const [code, reason] of FAULTS) {
    test(`${code} says: ${reason}`, () => {
      const error = requestError('build', 'unix:///x', Object.assign(new Error('connect'), { code }));
      assert.equal(error.code, 'engine_unavailable');
      assert.equal(error.transient, true);
      assert.equal(error.message, `The container engine at unix:///x is away: ${reason}.`);
    });
  }
});
