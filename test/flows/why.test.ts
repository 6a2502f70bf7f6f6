import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { formatDump, type Message } from '../../src/messages/index.js';
import { type AlsoTold, type BusPlace, describeFlow, type PlaceKind } from '../support/bus-places.js';
import { busYaml } from '../support/bus-yaml.js';
import { CliFolder } from '../support/cli.js';
import { completed, requested, sampleBuild, sampleCommit, skipped, withNvr } from '../support/samples.js';

/** A push as dist-git's hook announces it. */
function push(id: string, namespace: string, repo: string, branch = 'f41'): Message {
  const commit = { rev: sampleCommit(id), repo, namespace, branch, username: 'ralph', agent: 'ralph' };
  return { id, topic: 'org.example.git.receive', headers: {}, body: { commit } };
}

describeFlow('why', false, why);

function why({ make }: PlaceKind, also: AlsoTold): void {
  const build = withNvr(sampleBuild({ cause: { message: 'push-known' } }));
  const closed = sampleBuild({ component: 'old', cause: { message: 'push-old' } });
  let place: BusPlace;
  let cli: CliFolder;

  before(async () => {
    place = await make();
    cli = await CliFolder.make({ bus: busYaml(place.address) });
    const messages = [
      push('push-known', 'container', 'httpd'),
      requested(build),
      completed(build),
      skipped(closed, { code: 'target_closed', message: 'the target f41 is closed', waitingFor: [] }),
      push('push-foreign', 'rpms', 'bash'),
      push('push-elsewhere', 'container', 'httpd', 'f99'),
    ];
    const { code, stderr } = await cli.run(['publish', '-'], { stdin: `${messages.map(formatDump).join('\n')}\n` });
    assert.equal(code, 0, stderr);
  });
  after(async () => {
    await cli?.close();
    await place?.remove();
  });

  it('tells a person what led to a build, with times and the ids to ask on', async () => {
    const { code, stdout, stderr } = await cli.run(['why', build.nvr ?? '']);
    assert.equal(code, 0, stderr);
    const [first = '', ...rest] = stdout.trimEnd().split('\n');
    assert.match(
      first,
      /^httpd-2\.4-17\.f41 completed {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}build [0-9a-f]{8} {2}message [0-9a-f-]{36} {2}sha256:[0-9a-f]{64}$/,
    );
    assert.match(rest[0] ?? '', /^├─ asked for by a push {2}\S+ \S+ {2}message [0-9a-f-]{36}$/);
    assert.match(rest[1] ?? '', /^│ {2}└─ push by ralph: f41 of .*httpd\.git is [0-9a-f]{40} {2}message push-known$/);
    assert.match(
      rest[2] ?? '',
      /^└─ stands on registry\.example\.org\/f41\/base:latest, which no build of ours made {2}sha256:/,
    );
  });

  also('tells machines the same, of a component and an image as well', async () => {
    const [component] = await cli.json('why', 'httpd');
    assert.deepEqual([component?.['kind'], component?.['text']], ['component', 'f41/httpd is httpd-2.4-17.f41']);
    const [image] = await cli.json('why', 'candidate.example.org/f41/httpd');
    assert.equal(image?.['kind'], 'image');
    const { stdout } = await cli.run(['why', 'old']);
    assert.match(
      stdout,
      /└─ the build of f41\/old at \w+ was not begun .*\n {3}├─ the target f41 is closed {2}\[target_closed\]/,
    );
  });

  it('says of a push what the rules say of it', async () => {
    const known = await cli.run(['why', 'push-known']);
    assert.match(known.stdout, /led to httpd-2\.4-17\.f41, which is completed/);
    const foreign = await cli.run(['why', 'push-foreign']);
    assert.match(foreign.stdout, /no rule of `sources` takes the repository rpms\/bash {2}\[stranger\]/);
    const elsewhere = await cli.run(['why', 'push-elsewhere']);
    assert.match(elsewhere.stdout, /no target has the branch f99 in its `refs` {2}\[no_target\]/);
  });

  also('says so when nothing is known, and ends as wrong usage does', async () => {
    const { code, stdout, stderr } = await cli.run(['why', 'nobody']);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /nothing is known of "nobody": it is no build, component, image or message.*\[not_found\]/);
  });
}
