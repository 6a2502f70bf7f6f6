import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { admit } from '../../../src/git/access.js';
import { isPublicAddress } from '../../../src/git/address.js';
import type { GitAccess } from '../../../src/git/contract.js';
import { ServiceError } from '../../../src/kernel/service-error.js';

const rule = (pattern: string, privateAddress = true): GitAccess => ({
  pattern,
  privateAddress,
  tokenFile: null,
  user: null,
});
const noName = (): Promise<never> => Promise.reject(new Error('nothing is resolved here'));

async function allowed(url: string, ...patterns: string[]): Promise<boolean> {
  const rules = patterns.map((pattern) => rule(pattern));
  return typeof (await admit(url, rules, noName)) !== 'string';
}

const FORGE = 'https://src.example.org/{namespace}/{repo}.git';

const ALLOWED: readonly (readonly [string, string])[] = [
  [FORGE, 'https://src.example.org/container/httpd.git'],
  [FORGE, 'https://src.example.org:443/container/httpd.git'],
  [FORGE, 'https://SRC.example.org/container/httpd.git'],
  [FORGE, 'https://src.example.org/deep/name/space/httpd.git'],
  ['https://src.example.org:8443/{repo}', 'https://src.example.org:8443/httpd'],
  ['https://src.example.org/rpms/httpd', 'https://src.example.org/rpms/httpd'],
  ['ssh://git@src.example.org/{repo}.git', 'ssh://git@src.example.org/a/b.git'],
  ['git://src.example.org/{repo}', 'git://src.example.org/a'],
  ['file:///srv/git/{repo}.git', 'file:///srv/git/httpd.git'],
  ['file:///srv/git/{repo}.git', '/srv/git/httpd.git'],
  ['/srv/git/{repo}.git', 'file:///srv/git/container/httpd.git'],
  ['/srv/git/{repo}', '/srv/git/httpd.git/'],
];

const REFUSED: readonly (readonly [string, string])[] = [
  [FORGE, 'http://src.example.org/container/httpd.git'],
  [FORGE, 'https://src.example.org.evil.example.net/container/httpd.git'],
  [FORGE, 'https://evil.example.net/https://src.example.org/container/httpd.git'],
  [FORGE, 'https://src.example.org:444/container/httpd.git'],
  [FORGE, 'https://src.example.org@evil.example.net/container/httpd.git'],
  [FORGE, 'https://user:secret@src.example.org/container/httpd.git'],
  [FORGE, 'https://user@src.example.org/container/httpd.git'],
  [FORGE, 'https://src.example.org/httpd.git'],
  [FORGE, 'https://src.example.org/container/.git'],
  [FORGE, 'https://src.example.org/container/../../httpd.git'],
  [FORGE, 'https://src.example.org/container/%2e%2e/x/httpd.git'],
  [FORGE, 'https://src.example.org/container/a%2fb.git'],
  [FORGE, 'https://src.example.org/container//httpd.git'],
  [FORGE, 'https://src.example.org/container/httpd.git?service=x'],
  [FORGE, 'https://src.example.org/container/httpd.git#x'],
  [FORGE, 'https://src.example.org/container/ht\ntpd.git'],
  [FORGE, 'https://src.example.org\\@evil.example.net/container/httpd.git'],
  [FORGE, ' https://src.example.org/container/httpd.git'],
  [FORGE, 'src.example.org:container/httpd.git'],
  [FORGE, 'git@src.example.org:container/httpd.git'],
  [FORGE, '--upload-pack=touch /tmp/x'],
  [FORGE, '-uhttps://src.example.org/container/httpd.git'],
  [FORGE, 'ext::sh -c touch% /tmp/x'],
  [FORGE, 'fd::17'],
  [FORGE, 'ftp://src.example.org/container/httpd.git'],
  [FORGE, '/etc'],
  [FORGE, 'file:///etc/passwd'],
  [FORGE, ''],
  [FORGE, `https://src.example.org/${'a/'.repeat(2_000)}b.git`],
  ['ssh://git@src.example.org/{repo}', 'ssh://root@src.example.org/a'],
  ['ssh://git@src.example.org/{repo}', 'ssh://git:secret@src.example.org/a'],
  ['ssh://-oProxyCommand=x/{repo}', 'ssh://-oProxyCommand=x/a'],
  ['file:///srv/git/{repo}', 'file:///srv/git/../../etc'],
  ['file:///srv/git/{repo}', '/srv/git/../other'],
  ['file:///srv/git/{repo}', 'file://host/srv/git/a'],
  ['file:///srv/git/{repo}', 'file:///srv/git/%2e%2e%2fother'],
  ['file:///srv/git/{repo}', '/srv/git'],
  ['file:///srv/git/{repo}', 'relative/path'],
  ['https://{host}/{repo}', 'https://evil.example.net/x'],
];

test('a URL is allowed by a rule with its scheme, its host and its port', async () => {
  for (const [pattern, url] of ALLOWED) assert.equal(await allowed(url, pattern), true, `${pattern} ${url}`);
});

test('everything else is refused with a sentence', async () => {
  for (const [pattern, url] of REFUSED) assert.equal(await allowed(url, pattern), false, `${pattern} ${url}`);
  assert.equal(await allowed('https://src.example.org/a/b.git'), false);
});

test('a refusal does not repeat a password', async () => {
  const said = await admit('https://user:s3cret@src.example.org/container/httpd.git', [rule(FORGE)], noName);
  assert.ok(typeof said === 'string' && !said.includes('s3cret'));
});

test('the first rule that matches is taken', async () => {
  const rules = [rule('https://src.example.org/{repo}.git'), { ...rule(FORGE), user: 'later' }];
  const admitted = await admit('https://src.example.org/a/b.git', rules, noName);
  assert.ok(typeof admitted !== 'string' && admitted.rule === rules[0]);
});

test('a host whose name leads to an address that is not public is refused, and others are pinned', async () => {
  const rules = [rule('https://src.example.org/{repo}', false), rule('https://10.0.0.1/{repo}', false)];
  const answering = (...addresses: string[]) => admit('https://src.example.org/a', rules, async () => addresses);
  assert.match(String(await answering('127.0.0.1')), /127\.0\.0\.1, which is not public/);
  assert.match(String(await answering('93.184.216.34', '::1')), /::1, which is not public/);
  assert.match(String(await admit('https://10.0.0.1/a', rules, noName)), /not public/);
  assert.match(String(await admit('https://0x0a000001/a', rules, noName)), /not public/);
  const admitted = await answering('93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946');
  assert.ok(typeof admitted !== 'string');
  assert.equal(admitted.pinned, 'src.example.org:443:93.184.216.34,[2606:2800:220:1:248:1893:25c8:1946]');
});

test('a name that does not resolve is no refusal', async () => {
  for (const resolve of [noName, async () => []])
    await assert.rejects(
      admit('https://src.example.org/a', [rule('https://src.example.org/{repo}', false)], resolve),
      (error) => error instanceof ServiceError && error.code === 'source_unavailable' && error.transient,
    );
});

test('addresses of the public internet are told from all others', () => {
  for (const address of [
    '93.184.216.34',
    '8.8.8.8',
    '172.32.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '2002:0808:0808::1',
  ])
    assert.equal(isPublicAddress(address), true, address);
  for (const address of [
    '127.0.0.1',
    '127.255.255.255',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:169.254.169.254',
    '::7f00:1',
    '64:ff9b::127.0.0.1',
    '2002:7f00:1::',
    '2001:db8::1',
    'localhost',
    '',
  ])
    assert.equal(isPublicAddress(address), false, address);
});

test('no text makes admission throw, and only https of the one host comes through', async () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom('https://', 'src.example.org', '/', '@', ':', '..', '.git', 'a', '%2f', '\\'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece), async (pieces) => {
      const admitted = await admit(pieces.join(''), [rule(FORGE)], noName);
      if (typeof admitted !== 'string') assert.ok(admitted.url.startsWith('https://src.example.org/'));
    }),
    { numRuns: 2_000 },
  );
});
