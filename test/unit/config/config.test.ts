import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BuilderTarget } from '../../../src/builder/settings.js';
import { type Config, type ConfigFault, formatFault, loadConfig, parseConfig } from '../../../src/config/index.js';
import { GIT_TOPICS } from '../../../src/kernel/git-topics.js';
import type { RegistrySettings } from '../../../src/registry/index.js';
import type { ComponentRule, SourceRule, TriggerTarget } from '../../../src/trigger/index.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The least that is a configuration. */
const LEAST = `
prefix: org.example.test
sources: [{ match: { namespace: container }, clone: 'https://src.example.org/{namespace}/{repo}.git' }]
targets: { f41: { refs: [f41] } }
registries: { candidate: { url: 'http://127.0.0.1:5000' } }
`;

function parse(text: string, env: Record<string, string> = {}): ReturnType<typeof parseConfig> {
  return parseConfig(Buffer.from(text), '/etc/layerwright/config.yaml', env);
}

function valid(text: string, env: Record<string, string> = {}): Config {
  const config = parse(text, env);
  assert.ok(config.ok, config.ok ? '' : config.error.map(formatFault).join('\n'));
  return config.value;
}

function faults(text: string): readonly string[] {
  const config = parse(text);
  assert.ok(!config.ok, 'the configuration should have faults');
  return config.error.map(formatFault);
}

/** The least with a key set in `targets.f41`. */
function target(keys: string): string {
  return LEAST.replace('refs: [f41]', keys.includes('refs:') ? keys : `refs: [f41], ${keys}`);
}

function source(keys: string): string {
  return LEAST.replace(/sources: .*/, `sources: [{ ${keys} }]`);
}

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layerwright-config-'));
});
after(() => rm(folder, { recursive: true }));

for (const name of ['default.yaml', 'example.yaml']) {
  test(`config/${name} is valid`, async () => {
    const config = await loadConfig(join(ROOT, 'config', name), {});
    assert.ok(config.ok, config.ok ? '' : config.error.map(formatFault).join('\n'));
  });
}

test('the example comes out in its normal form', async () => {
  const config = await loadConfig(join(ROOT, 'config/example.yaml'), {});
  assert.ok(config.ok);
  const { value } = config;
  assert.deepEqual(value.bus, { kind: 'embedded', path: '/var/lib/layerwright/bus.db' });
  assert.deepEqual(value.gitLog, { maxAgeMs: 30 * 86_400_000, maxBytes: 5 * 1024 ** 3 });
  assert.deepEqual(value.sources[1], {
    match: { host: 'forge.internal.example.org', namespace: 'apps', repo: '*-image' },
    clone: 'ssh://git@forge.internal.example.org/{namespace}/{repo}.git',
    component: '{namespace}/{repo}',
    tokenFile: null,
    user: null,
    privateAddress: true,
  });
  assert.deepEqual(value.targets[0], {
    name: 'f41',
    refs: ['f41'],
    dist: '.f41',
    defaultVersion: '0',
    repository: 'f41/{component}',
    latest: true,
    candidate: 'candidate',
    stable: 'stable',
    parents: {
      allow: ['registry.example.org', 'docker.io/library'],
      rewrite: [{ from: 'registry.example.org/{path}', to: 'candidate/{path}' }],
    },
    network: 'none',
    limits: {
      timeMs: 1_800_000,
      memoryBytes: 2 * 1024 ** 3,
      cpu: 2,
      contextBytes: 1024 ** 3,
      outputBytes: 50 * 1024 ** 2,
    },
    slots: null,
    onBranchCreate: 'build',
    closed: false,
    scheduleMs: 7 * 86_400_000,
    allowSyntax: false,
    allowAddUrl: false,
  });
  assert.deepEqual(value.components[0], {
    component: 'tools',
    repository: 'container/monorepo',
    path: 'images/tools',
    watch: ['images/tools/**', 'lib/**'],
    buildArgs: { LANG: 'C.UTF-8' },
    retired: false,
  });
  assert.deepEqual(value.registries, [
    {
      name: 'candidate',
      url: 'http://127.0.0.1:5000',
      engineUrl: 'http://registry:5000',
      credentials: { kind: 'docker_config', path: null },
    },
    {
      name: 'stable',
      url: 'https://registry.example.org',
      engineUrl: 'https://registry.example.org',
      credentials: {
        kind: 'files',
        userFile: '/run/secrets/registry-user',
        passwordFile: '/run/secrets/registry-password',
      },
    },
  ]);
});

test('what is left out has its default', () => {
  const config = valid(LEAST);
  assert.equal(config.state, '/etc/layerwright/.layerwright');
  assert.deepEqual(config.bus, { kind: 'embedded', path: '/etc/layerwright/.layerwright/bus.db' });
  assert.deepEqual(config.http, { host: '127.0.0.1', port: 8087 });
  assert.deepEqual(config.engines, [{ host: 'auto', platform: null, slots: 2, keepBytes: 20 * 1024 ** 3 }]);
  assert.deepEqual(config.components, []);
  assert.deepEqual(config.build, { maxAttempts: 5, supersede: true, sourcePatienceMs: 3_600_000 });
  assert.deepEqual(config.rebuilds, {
    quietMs: 10_000,
    deadlineMs: 300_000,
    reconcileMs: 3_600_000,
    pollMs: 900_000,
    pollsPerMinute: 30,
  });
  assert.deepEqual(config.keep, {
    everyMs: 3_600_000,
    builds: 20,
    ageMs: 30 * 86_400_000,
    mirrorBytes: 20 * 1024 ** 3,
    logBytes: 1024 ** 3,
  });
  assert.deepEqual(config.registries[0]?.credentials, { kind: 'none' });
  assert.equal(config.targets[0]?.network, 'none');
  assert.deepEqual(config.gitTopics, GIT_TOPICS, 'the default topics are all that the trigger understands');
});

test('what no message told may be left alone', () => {
  for (const [text, ms] of [
    ['off', null],
    ['15m', 900_000],
  ] as const)
    assert.equal(valid(`${LEAST}rebuilds: { reconcile: ${text} }`).rebuilds.reconcileMs, ms);
  assert.match(faults(`${LEAST}rebuilds: { reconcile: never }`)[0] ?? '', /reconcile: .*never.*off/);
});

test('images of others may be left alone, and ours be built anew by their age', () => {
  for (const [poll, pollMs] of [
    ['off', null],
    ["'0'", null],
    ['30m', 1_800_000],
  ] as const)
    assert.equal(valid(`${LEAST}rebuilds: { poll: ${poll} }`).rebuilds.pollMs, pollMs);
  assert.equal(valid(target('schedule: 7d')).targets[0]?.scheduleMs, 7 * 86_400_000);
});

test('the normal form fits the rooms’ settings as it is', () => {
  const { sources, targets, components, registries } = valid(LEAST);
  const rooms: readonly [
    readonly SourceRule[],
    readonly TriggerTarget[],
    readonly BuilderTarget[],
    readonly ComponentRule[],
    readonly RegistrySettings[],
  ] = [sources, targets, targets, components, registries];
  assert.deepEqual(
    rooms.map(({ length }) => length),
    [1, 1, 1, 0, 1],
  );
});

test('paths are relative to the file, and ~/ is the home folder', () => {
  const text = `${source("match: { namespace: demo }, clone: './git/{namespace}/{repo}.git', credentials: { token_file: ~/token }")}\nstate: ../state`;
  const config = valid(text, { HOME: '/home/ralph' });
  assert.equal(config.state, '/etc/state');
  assert.equal(config.sources[0]?.clone, '/etc/layerwright/git/{namespace}/{repo}.git');
  assert.equal(config.sources[0]?.tokenFile, '/home/ralph/token');
});

test('network default is the engine’s own, and null limits are no bounds', () => {
  const [first] = valid(target('network: default, limits: { memory: null }')).targets;
  assert.equal(first?.network, null);
  assert.deepEqual([first?.limits.memoryBytes, first?.limits.cpu], [null, null]);
});

test('the hash holds over comments, order and written defaults, and over what is a process’s own', () => {
  const { hash } = valid(LEAST);
  assert.match(hash, /^[0-9a-f]{16}$/);
  const same = [
    `# a comment\n${LEAST}`,
    LEAST.trim().split('\n').reverse().join('\n'),
    `${LEAST}build: { max_attempts: 5, source_patience: 5m }`,
    `${LEAST}http: { port: 0 }\nstate: /elsewhere\nengines: [{ slots: 9 }]`,
    target('slots: 3'),
  ];
  for (const text of same) assert.equal(valid(text).hash, hash, text);
  const others = [
    target('closed: true'),
    `${LEAST}build: { max_attempts: 4 }`,
    `${LEAST}build: { supersede: false }`,
    LEAST.replace('5000', '5001'),
  ];
  for (const text of others) assert.notEqual(valid(text).hash, hash, text);
});

test('all faults are told at once, each with its line, its path and what to write instead', () => {
  const text = `prefx: org.example
prefix: org..example
bus: { kind: rabbit }
git_log: { max_age: 30 }
sources:
  - match: { namespce: container }
    clone: ext::sh -c x
targets:
  f41:
    refs: [41]
    default_version: 1.10
    candidate: candidat
    limits:
      time: 30 minutes
registries:
  candidate: { url: 127.0.0.1:5000 }
`;
  assert.deepEqual(faults(text), [
    'line 1, prefx: there is no such key (did you mean `prefix`?)',
    'line 2, prefix: "org..example" is not a topic prefix (for example `org.example.prod`)',
    'line 3, bus.kind: "rabbit" is not known here (one of `embedded`, `amqp`, `nats`)',
    'line 4, git_log.max_age: 30 without quotes is a number (for example `90s`, `30m`, `2h`, `30d`)',
    'line 6, sources[0].match.namespce: there is no such key (did you mean `namespace`?)',
    'line 7, sources[0].clone: git may not clone by this (begin with https://, http://, ssh://, git://, file:// or a path)',
    'line 10, targets.f41.refs[0]: 41 without quotes is a number (write "41" in quotes)',
    'line 11, targets.f41.default_version: 1.10 without quotes is a number, namely 1.1 (write "1.10" in quotes)',
    'line 12, targets.f41.candidate: there is no registry “candidat” (did you mean `candidate`?)',
    'line 14, targets.f41.limits.time: "30 minutes" is not a duration (for example `90s`, `30m`, `2h`, `30d`)',
    'line 16, registries.candidate.url: "127.0.0.1:5000" is not a registry’s URL (for example `https://registry.example.org`, `http://127.0.0.1:5000`)',
  ]);
});

const CASES: readonly (readonly [name: string, text: string, fault: RegExp])[] = [
  ['a missing key', LEAST.replace(/prefix: .*/, ''), /prefix: is missing \(for example `org\.example\.prod`\)/],
  ['a list where a map belongs', LEAST.replace(/targets: .*/, 'targets: [f41]'), /targets: must be a map, not a list/],
  ['yes for true', target('latest: yes'), /targets\.f41\.latest: must be true or false, not "yes" \(write true/],
  ['an unknown word', target('network: nonee'), /network: "nonee" is not known here \(did you mean `none`\?\)/],
  ['a port out of range', `${LEAST}http: { port: 70000 }`, /http\.port: must be at most 65535/],
  ['a schedule that is too short', target('schedule: 30m'), /schedule: 30m is too often to build .* \(at least `1h`/],
  ['no refs', target('refs: []'), /targets\.f41\.refs: there must be at least one/],
  ['a full ref', target('refs: [refs/heads/f41]'), /refs\[0\]: refs are written by their short names \(write `f41`\)/],
  ['a ref that git refuses', target("refs: ['a..b']"), /no branch or tag can match “a\.\.b”/],
  ['a target’s odd name', LEAST.replace('f41:', '"-f 41":'), /targets\["-f 41"\]: "-f 41" is not a target’s name/],
  [
    'a component’s upper case',
    `${LEAST}components: { Tools: {} }`,
    /components\.Tools: "Tools" is not a component’s name/,
  ],
  [
    'a way out of the repository',
    `${LEAST}components: { tools: { path: a/../../b } }`,
    /path: "a\/\.\.\/\.\.\/b" is not a path inside/,
  ],
  [
    'an absolute watch',
    `${LEAST}components: { tools: { watch: [/etc] } }`,
    /watch\[0\]: "\/etc" is not a path pattern/,
  ],
  ['a repository for all', target('repository: images'), /all components would share one repository/],
  [
    'a misspelt placeholder',
    target("repository: 'x/{componnet}'"),
    /\{componnet\} is no placeholder \(did you mean `\{component\}`\?\)/,
  ],
  ['an open placeholder', target("repository: 'x/{component'"), /\{component is no placeholder/],
  [
    'a repository in upper case',
    target("repository: 'F41/{component}'"),
    /“F41\/\{component\}” is no repository of a registry/,
  ],
  ['an unknown stable', target('stable: prod'), /stable: there is no registry “prod” \(`registries` has `candidate`\)/],
  [
    'an allowed registry that is none',
    target("parents: { allow: ['https://x'] }"),
    /allow\[0\]: “https:\/\/x” is no registry/,
  ],
  [
    'a rewrite to nowhere',
    target("parents: { rewrite: [{ from: 'a.b/{path}', to: 'c/{path}' }] }"),
    /rewrite\[0\]\.to: there is no registry “c”/,
  ],
  [
    'a rewrite of nothing',
    target("parents: { rewrite: [{ from: a.b/c, to: 'candidate/{path}' }] }"),
    /`\{path\}` stands for nothing here/,
  ],
  [
    'a password in the file',
    LEAST.replace("5000' }", "5000', credentials: { password: x } }"),
    /credentials\.password: secrets are not written into this file \(put it in a file that `user_file`, `password_file` names\)/,
  ],
  [
    'a password in a URL',
    source("match: {}, clone: 'https://u:p@x.org/{repo}.git'"),
    /clone: secrets are not written into this file/,
  ],
  [
    'half of a login',
    LEAST.replace("5000' }", "5000', credentials: { user_file: u } }"),
    /credentials\.password_file: is missing/,
  ],
  [
    'two logins',
    LEAST.replace("5000' }", "5000', credentials: { user_file: u, password_file: p, docker_config: true } }"),
    /two ways to come in are given/,
  ],
  [
    'an scp-like address',
    source("match: { namespace: a }, clone: 'git@x.org:{namespace}/{repo}.git'"),
    /write ssh:\/\/git@x\.org\/\{namespace\}\/\{repo\}\.git/,
  ],
  ['a helper for a transport', source("match: {}, clone: 'ext::sh -c x'"), /git may not clone by this/],
  ['an option for a URL', source("match: {}, clone: '--upload-pack=x'"), /git may not clone by this/],
  [
    'a host by placeholder',
    source("match: { namespace: a }, clone: 'https://{namespace}.org/{repo}'"),
    /the host must be written out/,
  ],
  [
    'anybody’s namespace',
    source("match: {}, clone: 'https://x.org/{namespace}/{repo}'"),
    /match: the namespace is not limited, so anybody’s repository would be built/,
  ],
  [
    'a pattern that matches nothing',
    source("match: { namespace: 'a b' }, clone: 'https://x.org/{repo}'"),
    /namespace: “a b” matches no name/,
  ],
  [
    'a component that can’t be',
    source("match: {}, clone: 'https://x.org/{repo}', component: 'A/{repo}'"),
    /“A\/\{repo\}” can’t name an image/,
  ],
  ['a bad topic pattern', `${LEAST}git_topics: ['a b']`, /git_topics\[0\]: "a b" is not a topic pattern/],
  [
    'a number for a build argument',
    `${LEAST}components: { t: { build_args: { V: 1.20 } } }`,
    /build_args\.V: 1\.20 without quotes is a number, namely 1\.2 \(write "1\.20" in quotes\)/,
  ],
  [
    'a number for a name',
    LEAST.replace('f41: { refs', '1.10: { refs'),
    /the key 1\.10 is read as 1\.1 \(write "1\.10" in quotes\)/,
  ],
  ['a key twice', `${LEAST}prefix: again`, /line 6: this key is there twice \(keep one of them\)/],
  ['a merge key', `${LEAST}http: { <<: { port: 1 } }`, /http\["<<"\]: there is no such key/],
  ['a foreign tag', `${LEAST}http: !include http.yaml`, /Unresolved tag: !include/],
  ['two documents', `${LEAST}---\nprefix: a`, /multiple documents/],
  ['tabs', 'prefix: a\nbus:\n\tkind: embedded', /indent with spaces|indentation/i],
  ['an empty file', '', /^the file is empty$/],
  ['a comment only', '# nothing', /^the file is empty$/],
  ['a list', '- a', /^line 1: must be a map, not a list$/],
  ['text', 'just text', /^line 1: must be a map, not "just text"$/],
];

for (const [name, text, fault] of CASES) {
  test(`${name} is a fault that says what to write`, () => {
    const told = faults(text);
    assert.ok(
      told.some((line) => fault.test(line)),
      told.join('\n'),
    );
    assert.equal(told.filter((line) => fault.test(line)).length, 1, 'a fault is told once');
  });
}

test('two targets can’t own the tag latest of one repository', () => {
  const two = (second: string): string =>
    LEAST.replace(
      /targets: .*/,
      `targets: { a: { refs: [a], latest: true }, b: { refs: [b], latest: true${second} } }`,
    );
  assert.match(
    faults(two('')).join(),
    /targets\.b\.latest: the target a has the tag `latest` of \{component\} already/,
  );
  assert.equal(valid(two(", repository: 'b/{component}'")).targets.length, 2);
});

test('aliases may repeat a little and can’t make a small file large', () => {
  const some = valid(
    `x: &limits\n${LEAST}`.replace('x: &limits\n', '').replace('refs: [f41]', 'refs: &r [f41]').replace(/\n$/, '') +
      '\ngit_topics: ["#"]',
  );
  assert.deepEqual(some.targets[0]?.refs, ['f41']);
  const twice = LEAST.replace('f41: { refs: [f41] }', 'f41: &t { refs: [f41] }, f42: *t');
  assert.equal(valid(twice).targets.length, 2);
  let bomb = 'a0: &a0 [x, x, x, x, x, x, x, x, x]\n';
  for (let i = 1; i < 9; i += 1)
    bomb += `a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(', ')}]\n`;
  assert.deepEqual(faults(bomb), ['the file’s aliases make too many copies']);
});

test('a file that is nested without end is refused, and told so once', () => {
  const deep = [
    '['.repeat(100_000),
    `${LEAST}http: ${'['.repeat(20_000)}${']'.repeat(20_000)}`,
    `${LEAST}http: ${'- '.repeat(5_000)}`,
    `${LEAST}http: ${'a: '.repeat(5_000)}`,
  ];
  for (const text of deep) assert.deepEqual(faults(text), ['the file is nested too deeply']);
  const flat = `http: { ${Array.from({ length: 500 }, (_, index) => `k${index}: 1`).join(', ')} }\n`;
  assert.match(faults(`${LEAST}${flat}`).join(), /there is no such key/);
});

test('of a file that is something else altogether a hundred faults are told, and how many more there are', () => {
  const rows = Array.from({ length: 500 }, (_, at) => `key${at}: 1`).join('\n');
  const told = faults(`${LEAST}${rows}`);
  assert.equal(told.length, 101);
  assert.match(told[99] ?? '', /key99: there is no such key/);
  assert.match(told[100] ?? '', /400 more faults/);
  const noYaml = faults('a: b: c\n'.repeat(300));
  assert.equal(noYaml.length, 101);
  assert.match(noYaml[100] ?? '', /\d{3} more faults/);
});

test('a fault quotes the beginning of what is wrong, however long that is', () => {
  const [fault = ''] = faults(target(`candidate: ${'ab'.repeat(10_000)}`));
  assert.ok(fault.includes('abab') && fault.length < 1_200, fault);
});

test('a hostile key is only an unknown key', () => {
  assert.match(faults(`${LEAST}__proto__: { state: /x }`).join(), /__proto__: there is no such key/);
  assert.match(faults(LEAST.replace('f41:', '__proto__:')).join(), /"__proto__" is not a target’s name/);
});

async function unloadable(path: string): Promise<string> {
  const config = await loadConfig(path, {});
  assert.ok(!config.ok);
  const [fault]: readonly ConfigFault[] = config.error;
  assert.ok(fault !== undefined);
  return formatFault(fault);
}

test('a file that can’t be read is said to be so', async () => {
  assert.match(await unloadable(join(folder, 'none.yaml')), /^there is no file .*none\.yaml$/);
  assert.match(await unloadable(folder), /is a folder$/);
  const bytes = join(folder, 'bytes.yaml');
  await writeFile(bytes, Buffer.from([0x70, 0xff, 0xfe]));
  assert.equal(await unloadable(bytes), 'the file is not UTF-8');
  const large = join(folder, 'large.yaml');
  await writeFile(large, `# ${'x'.repeat(200_000)}`);
  assert.match(await unloadable(large), /^the file has 200002 bytes, more than 131072$/);
  await writeFile(large, `# ${'x'.repeat(300_000)}`);
  assert.match(await unloadable(large), /far too many for a configuration$/);
  for (const entry of ['key: 1\n', '1,'])
    assert.match(faults(entry.repeat(6_000)).join(), /^the file has 600\d lines and entries, more than 5000$/);
});

test('what YAML itself says of a file is no longer than a person reads', () => {
  const read = parse(`a file\n#\n${'%YAML 1.1\n'.repeat(1_000)}`);
  assert.ok(!read.ok);
  for (const fault of read.error) assert.ok(formatFault(fault).length < 2_000);
});
