/** What no message told is found by looking: heads whose push was lost, and names that somebody moved. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { BuildCompletedV1 } from '../../src/messages/index.js';
import { openRegistry, type Registry } from '../../src/registry/index.js';
import { type AlsoTold, type BusPlace, describeFlow, type PlaceKind } from '../support/bus-places.js';
import { type GitServer, startGitServer } from '../support/git-server.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry] = [requireEngine(), requireRegistry()];
const DOCKERFILE = 'FROM scratch\nLABEL version="1"\nCOPY note /\n';

type Line = Record<string, unknown> & { readonly sum?: Record<string, unknown> };

describeFlow('reconcile', firstSkip(engine, registry), reconciling);

function reconciling({ kind, make }: PlaceKind, also: AlsoTold): void {
  const space = `flow-reconcile-${kind}-${process.pid}`;
  /** Of its own for each bus: they share an engine, which keeps one image of a component for its cache. */
  const own = (name: string): string => `${name}-${kind}`;
  let place: BusPlace;
  let root: string;
  let host: GitServer;
  let service: ServiceFolder;
  let client: Registry;
  let first: BuildCompletedV1;

  const files = (note: string) => ({ Dockerfile: DOCKERFILE, note });
  const completed = async (commit: string): Promise<BuildCompletedV1> =>
    (await service.said(commit, 'completed')).body as unknown as BuildCompletedV1;
  /** Words said of a commit, as `requested`, in the order of the log. */
  const words = async (commit: string): Promise<readonly string[]> =>
    (await service.about(commit)).map(({ topic }) => topic.slice(topic.indexOf('.build.') + '.build.'.length));
  const lines = (text: string): readonly Line[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  const digestOf = async (component: string, tag: string): Promise<string | undefined> =>
    (await client.head(service.repository(own(component)), tag))?.digest;
  /** Gives a name of an image to another image, as a person with the registry's password can. */
  const moveByHand = async (component: string, tag: string, digest: string): Promise<void> => {
    const repository = service.repository(own(component));
    const manifest = await client.getManifest(repository, digest);
    assert.ok(manifest);
    await client.putManifest(repository, tag, manifest.mediaType, manifest.bytes);
  };

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'layerwright-git-host-'));
    host = await startGitServer({ root });
    client = openRegistry({ name: 'test', url: registry.url, credentials: { kind: 'none' } });
    const clone = `${host.url}/git/{namespace}/{repo}.git`;
    place = await make();
    const where = { bus: place.address, apart: kind !== 'embedded' };
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, clone, ...where });
    await symlink(join(service.folder, 'git'), join(root, 'git'));
    await service.start();
    const commits = [await service.push(own('app'), files('one')), await service.push(own('other'), files('one'))];
    [first] = (await Promise.all(commits.map(completed))) as [BuildCompletedV1];
  });
  after(async () => {
    await service?.close();
    await client?.close();
    await host?.stop();
    await place?.remove();
    await rm(root, { recursive: true, force: true });
  });

  it('finds nothing where nothing was missed', async () => {
    const { code, stdout } = await service.cli('reconcile');
    assert.equal(code, 0);
    assert.equal(stdout, '2 heads of 2 repositories: none was missed\n6 names of images: all are right\n');
  });

  it('builds a head whose push nobody heard, once, though the push comes after all', async () => {
    const commit = await service.commit(own('app'), files('two'));
    const shown = await service.cli('reconcile', '--dry-run');
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(
      shown.stdout,
      new RegExp(`f41/${own('app')} +the head of f41 is ${commit.slice(0, 12)}, and was .* would be asked for`),
    );
    assert.match(shown.stdout, /1 build would be asked for/);
    assert.deepEqual(await words(commit), []);

    const done = await service.cli('reconcile', '--json');
    assert.equal(done.code, 0, done.stderr);
    const [finding, end, ...more] = lines(done.stdout);
    assert.deepEqual(more, []);
    assert.deepEqual([finding?.['kind'], finding?.['action'], finding?.['commit']], ['head', 'asked', commit]);
    assert.deepEqual([end?.sum?.['missed'], end?.sum?.['moved'], end?.sum?.['faults']], [1, 0, 0]);
    await completed(commit);

    await service.announce(own('app'), commit);
    await until('the push is heard', async () => (await words(commit)).includes('requested'));
    // What comes after it in the lane is built: the push's request was looked at.
    await completed(await service.push(own('other'), files('two')));
    assert.deepEqual(await words(commit), ['requested.cascade', 'started', 'completed', 'requested']);
    assert.deepEqual(lines((await service.cli('reconcile', '--json')).stdout).length, 1);
  });

  also(
    'puts a name right that was moved by hand, and nothing else; a git host that is away keeps nobody from it',
    async () => {
      const commit = await service.push(own('app'), files('three'));
      const { image } = await completed(commit);
      const other = await digestOf('other', 'latest');
      await moveByHand('app', 'latest', first.image.digest);

      host.answerWith(503);
      const away = await service.cli('reconcile', '--dry-run');
      assert.equal(away.code, 69, away.stderr);
      assert.match(away.stdout, new RegExp(`f41/${own('app')} +latest stands for another image .* would be asked for`));
      assert.equal(away.stderr.match(/has a fault/g)?.length, 1, away.stderr);
      assert.match(away.stderr, /\(2 were not looked at\)/);
      assert.equal(await digestOf('app', 'latest'), first.image.digest);

      host.answerWith(null);
      const before = await words(commit);
      assert.equal((await service.cli('reconcile', own('app'), '--target', 'f41')).code, 0);
      await until('the name is right', async () => (await digestOf('app', 'latest')) === image.digest);
      for (const tag of ['1', '1-3.f41']) assert.equal(await digestOf('app', tag), image.digest, tag);
      assert.equal(await digestOf('app', '1-1.f41'), first.image.digest);
      assert.equal(await digestOf('other', 'latest'), other);
      assert.deepEqual(new Set(await words(commit)), new Set(before), 'nothing new was said');
    },
  );

  also('is done at the start and by the timer', async () => {
    await service.stop();
    const missed = await service.commit(own('app'), files('four'));
    const config = await readFile(service.config, 'utf8');
    await writeFile(service.config, config.replace('reconcile: off', 'reconcile: 300ms'));
    await service.start();
    await completed(missed);
    const later = await service.commit(own('other'), files('five'));
    await completed(later);
    await until('it says what it found', () => service.stderr.includes('"reconciled: what no message had told"'));
    await service.stop();
    for (const commit of [missed, later])
      assert.deepEqual(await words(commit), ['requested.cascade', 'started', 'completed']);
  });

  // Nothing of this is the bus's.
  if (kind === 'embedded')
    it('names a component that it knows nothing of', async () => {
      const { code, stderr } = await service.cli('reconcile', 'nothing-like-it');
      assert.equal(code, 2, stderr);
      assert.match(stderr, /no build of "nothing-like-it" is known/);
    });
}
