import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  componentOf,
  type KnownRegistry,
  type MissingParent,
  pinnedReference,
  resolveParentName,
  whenParentMissing,
} from '../../../src/builder/decide/parents.js';

const REGISTRIES: readonly KnownRegistry[] = [
  { name: 'candidate', host: '127.0.0.1:5000', engineHost: 'registry:5000' },
  { name: 'stable', host: 'registry.example.org', engineHost: 'registry.example.org' },
  { name: 'hub', host: 'registry-1.docker.io', engineHost: 'docker.io' },
];
const DIGEST = `sha256:${'a'.repeat(64)}`;

interface Rules {
  readonly allow?: readonly string[];
  readonly rewrite?: readonly { readonly from: string; readonly to: string }[];
}

function look(written: string, { allow = [], rewrite = [] }: Rules): string {
  const result = resolveParentName(written, { allow, rewrite }, REGISTRIES);
  if (!result.ok) return `${result.error.code}: ${result.error.message}`;
  const { registryName, repository, reference } = result.value;
  return `${registryName} ${repository} ${reference}`;
}

describe('where a parent is looked up', () => {
  const example = {
    allow: ['registry.example.org', 'docker.io/library'],
    rewrite: [{ from: 'registry.example.org/{path}', to: 'candidate/{path}' }],
  };

  test('as written when no rewrite fits', () => {
    assert.equal(look('fedora:41', example), 'hub library/fedora 41');
    assert.equal(look('fedora', example), 'hub library/fedora latest');
    assert.equal(look('registry.example.org/a/b:1', { allow: ['registry.example.org'] }), 'stable a/b 1');
  });

  test('through a rewrite, to a registry by its name or its host, with the tag or digest as written', () => {
    assert.equal(look('registry.example.org/f41/base:2', example), 'candidate f41/base 2');
    const byHost = { ...example, rewrite: [{ from: 'registry.example.org/{path}', to: '127.0.0.1:5000/m/{path}' }] };
    assert.equal(look(`registry.example.org/a@${DIGEST}`, byHost), `candidate m/a ${DIGEST}`);
    assert.equal(look(`registry.example.org/a:1@${DIGEST}`, byHost), `candidate m/a ${DIGEST}`);
  });

  test('the first rewrite that fits, literal ones too', () => {
    const rules = {
      allow: ['candidate'],
      rewrite: [
        { from: 'fedora', to: 'candidate/f41/fedora' },
        { from: 'quay.io/x:1', to: 'candidate/x:one' },
        { from: 'docker.io/{path}', to: 'candidate/hub/{path}' },
      ],
    };
    assert.equal(look('docker.io/library/fedora:41', rules), 'candidate f41/fedora 41');
    assert.equal(look('busybox', rules), 'candidate hub/library/busybox latest');
    assert.equal(look('quay.io/x:1', rules), 'candidate x one');
    assert.match(look('quay.io/x:2', rules), /^parent_not_allowed/);
  });

  test('a rewrite whose result is no name, or has no registry, is the configuration’s fault', () => {
    const odd = { allow: ['docker.io'], rewrite: [{ from: 'docker.io/{path}', to: 'candidate/UP/{path}' }] };
    assert.match(look('a', odd), /^config_invalid: The rewrite of docker\.io/);
    assert.match(look('quay.io/a', { allow: ['quay.io'] }), /^config_invalid: .*no registry with the host quay\.io/);
  });

  test('the allow list ends only where a path segment ends', () => {
    assert.match(
      look('registry.example.org/basement', { allow: ['registry.example.org/base'] }),
      /^parent_not_allowed/,
    );
    assert.equal(look('registry.example.org/base/x', { allow: ['registry.example.org/base'] }), 'stable base/x latest');
    assert.equal(look('registry.example.org/base', { allow: ['registry.example.org/base/'] }), 'stable base latest');
    assert.match(look('registry.example.org.evil.net/a', { allow: ['registry.example.org'] }), /^parent_not_allowed/);
    assert.match(look('evil/fedora', example), /^parent_not_allowed/);
  });

  test('a refusal says what is allowed', () => {
    assert.equal(
      look('quay.io/a:1', example),
      'parent_not_allowed: The parent quay.io/a:1 is not from an allowed registry. Allowed are registry.example.org, docker.io/library.',
    );
    assert.match(look('quay.io/a', {}), /This target allows no parents but scratch/);
  });

  test('what is no image name is the Dockerfile’s fault', () => assert.match(look('a/B', {}), /^dockerfile_invalid/));

  test('the name for people has the client’s host, the pin the engine’s', () => {
    const result = resolveParentName('registry.example.org/a:1', example, REGISTRIES);
    assert.ok(result.ok);
    assert.equal(result.value.lookedUpAs, '127.0.0.1:5000/a:1');
    assert.equal(pinnedReference(result.value, DIGEST), `registry:5000/a@${DIGEST}`);
  });

  test('nothing passes an empty allow list, and no text makes it throw', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (written, from) => {
        const rules = { allow: [], rewrite: [{ from, to: 'candidate/{path}' }] };
        assert.ok(!resolveParentName(written, rules, REGISTRIES).ok);
      }),
    );
  });
});

describe('a parent that is not there', () => {
  const target = { name: 'f41', repository: 'f41/{component}', candidate: 'candidate' };
  const missing = (repository: string, more: Partial<MissingParent> = {}): MissingParent => ({
    written: repository,
    registryName: 'candidate',
    repository,
    reference: '1',
    lookedUpAs: `127.0.0.1:5000/${repository}:1`,
    engineName: `127.0.0.1:5000/${repository}`,
    ...more,
  });
  const decide = (...parents: MissingParent[]) =>
    whenParentMissing(parents, { component: 'httpd', target }, (name) => ['base', 'tools', 'httpd'].includes(name));

  test('is waited for when all that miss are components of the target', () => {
    assert.deepEqual(decide(missing('f41/tools'), missing('f41/base'), missing('f41/tools')), {
      kind: 'wait',
      code: 'waiting_for',
      message: 'Not begun: base, tools must be built for f41 first.',
      waitingFor: ['base', 'tools'],
    });
  });

  test('fails the build else, naming it', () => {
    const cases: readonly MissingParent[] = [
      missing('f41/unknown'),
      missing('f40/base'),
      missing('f41/base', { registryName: 'stable' }),
      missing('f41/httpd'),
      missing('f41/base', { reference: DIGEST }),
    ];
    for (const parent of cases) {
      const decision = decide(missing('f41/tools'), parent);
      assert.ok(decision.kind === 'fail');
      assert.equal(decision.failure.code, 'parent_missing');
      assert.match(decision.failure.message, new RegExp(`The parent image ${parent.written} \\(looked up as `));
    }
  });

  test('a component is read out of its repository', () => {
    const at = (repository: string, pattern: string) =>
      componentOf({ registryName: 'candidate', repository }, { repository: pattern, candidate: 'candidate' });
    assert.equal(at('f41/a/b', 'f41/{component}'), 'a/b');
    assert.equal(at('x-a-y', 'x-{component}-y'), 'a');
    assert.equal(at('x--y', 'x-{component}-y'), null);
    assert.equal(at('x-y', 'x-{component}-y'), null);
    assert.equal(at('fixed', 'fixed'), null);
  });
});
