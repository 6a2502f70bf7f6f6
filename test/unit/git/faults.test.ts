import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gitFault, sayingOf } from '../../../src/git/faults.js';

/** What git 2.34 to 2.47 write → what we take it for: a code with `*` when it may pass, `**` when the host is away, or what we do about it. */
const SAYINGS: readonly (readonly [string, string])[] = [
  ["fatal: couldn't find remote ref refs/heads/gone", 'ref_missing'],
  ["fatal: unable to access '': Could not resolve host: src.example.org", 'source_unavailable**'],
  [
    "fatal: unable to access '': Failed to connect to src.example.org port 443 after 2 ms: Couldn't connect to server",
    'source_unavailable**',
  ],
  ["fatal: unable to access '': Recv failure: Connection reset by peer", 'source_unavailable**'],
  ["fatal: unable to access '': The requested URL returned error: 503", 'source_unavailable**'],
  ["fatal: unable to access '': The requested URL returned error: 429", 'source_unavailable**'],
  ["fatal: unable to access '': The requested URL returned error: 403", 'source_unavailable'],
  ["fatal: unable to access '': The requested URL returned error: 302", 'source_unavailable'],
  [
    "fatal: unable to access '': server certificate verification failed. CAfile: none CRLfile: none",
    'source_unavailable*',
  ],
  ["fatal: unable to access '': SSL certificate problem: certificate has expired", 'source_unavailable*'],
  ["fatal: could not read Username for '': terminal prompts disabled", 'source_unavailable'],
  ["remote: HTTP Basic: Access denied\nfatal: Authentication failed for ''", 'source_unavailable'],
  ["remote: Repository not found.\nfatal: repository '' not found", 'source_unavailable'],
  [
    "fatal: '' does not appear to be a git repository\nfatal: Could not read from remote repository.",
    'source_unavailable',
  ],
  [
    'git@src.example.org: Permission denied (publickey).\nfatal: Could not read from remote repository.',
    'source_unavailable',
  ],
  ['Host key verification failed.\nfatal: Could not read from remote repository.', 'source_unavailable*'],
  ['fatal: unable to connect to 127.0.0.1:\n127.0.0.1[0: 127.0.0.1]: errno=Connection refused', 'source_unavailable**'],
  ["fatal: unable to access '': Failed to connect to 192.0.2.1 port 443: No route to host", 'source_unavailable**'],
  [
    "fatal: unable to access '': gnutls_handshake() failed: The TLS connection was non-properly terminated.",
    'source_unavailable**',
  ],
  [
    "fatal: unable to access '': OpenSSL SSL_connect: Connection reset by peer in connection to x:443",
    'source_unavailable**',
  ],
  [
    "fatal: unable to access '': SSL certificate problem: unable to get local issuer certificate",
    'source_unavailable*',
  ],
  ['fatal: the remote end hung up unexpectedly', 'source_unavailable**'],
  [
    'error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF',
    'source_unavailable**',
  ],
  ['error: RPC failed; curl 28 Operation too slow. Less than 500 bytes/sec', 'source_unavailable**'],
  ['fatal: remote error: access denied or repository not exported: /x', 'source_unavailable'],
  ["fatal: detected dubious ownership in repository at '/srv/git/x.git'", 'config_invalid'],
  ["fatal: transport 'ext' not allowed", 'config_invalid'],
  ['fatal: write error: No space left on device', 'disk_full*'],
  ['error: insufficient permission for adding an object to repository database objects', 'internal'],
  ["error: cannot lock ref 'refs/heads/x': is at aaa but expected bbb", 'locked'],
  ["error: cannot lock ref 'refs/heads/x': Unable to create '/m/refs/heads/x.lock': File exists.", 'locked'],
  ["fatal: Unable to create '/m/packed-refs.lock': File exists.", 'locked'],
  ['fatal: mismatched algorithms: client sha1; server sha256', 'other_format'],
  ["fatal: not a git repository: ''", 'broken'],
  ["error: cannot lock ref 'refs/heads/x': unable to resolve reference 'refs/heads/x': reference broken", 'broken'],
  ['fatal: loose object aaa (stored in x) is corrupt', 'broken'],
  ['error: object file objects/aa/bb is empty\nfatal: bad object refs/heads/x', 'broken'],
  ['fatal: bad config line 1 in file /m/config', 'broken'],
  ['error: did not send all necessary objects', 'broken'],
  ['error: inflate: data stream error (incorrect header check)', 'broken'],
  ['fatal: packfile ./objects/pack/pack-a.pack cannot be accessed', 'broken'],
  ['something nobody has ever read', 'source_unavailable*'],
  ['', 'source_unavailable*'],
];

test('each of git’s sayings has one meaning', () => {
  for (const [stderr, expected] of SAYINGS) {
    const saying = sayingOf(stderr);
    const found =
      saying.kind === 'error' ? `${saying.code}${saying.transient ? '*' : ''}${saying.away ? '*' : ''}` : saying.kind;
    assert.equal(found, expected, stderr);
  }
});

test('an error is one sentence with the repository, and git’s own words as detail', () => {
  const stderr = 'fatal: repository not found\u001b[2J';
  const fault = gitFault(sayingOf(stderr), 'https://src.example.org/a.git', stderr);
  assert.equal(fault.message, 'There is no git repository at https://src.example.org/a.git.');
  assert.equal(fault.detail, 'fatal: repository not found [2J');
  for (const kind of ['ref_missing', 'locked', 'broken', 'other_format'] as const)
    assert.equal(gitFault({ kind }, 'x', '').code, 'source_unavailable');
});
