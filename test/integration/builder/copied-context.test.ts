import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { openEngine } from '../../../src/builder/adapters/docker-engine.js';
import { withLabels } from '../../../src/builder/decide/own-step.js';
import { openContext } from '../../../src/builder/make.js';
import type { Engine } from '../../../src/builder/ports.js';
import { survey } from '../../../src/builder/survey.js';
import { type Git, openGit } from '../../../src/git/index.js';
import { SAMPLE_TARGET } from '../../support/builder-world.js';
import { type GitRepo, makeGitRepo } from '../../support/git-repo.js';
import { sampleBuild } from '../../support/samples.js';
import { firstSkip } from '../../support/services.js';
import { contextOf, onlooker, requestOf } from './engine-fixture.js';
import { type ImageFile, layersOf } from './image-files.js';
import { TEST_ENGINES, type TestEngine } from './test-engines.js';

const NEVER = new AbortController().signal;
/** Seconds since 1970. */
const LONG_AGO = 1_600_000_000;
/** Into the root: it is there before any step, and no layer has an entry of it, whose time would be the engine's. */
const DOCKERFILE = 'FROM scratch\nLABEL version="1"\nCOPY . /\n';

for (const tested of TEST_ENGINES)
  describe(`what a COPY takes on ${tested.name}`, { skip: firstSkip(tested.service) }, () => copies(tested));

function copies({ service, kind, cached }: TestEngine): void {
  let engine: Engine;
  let repo: GitRepo;
  let mirrors = '';
  let git: Git;
  let count = 0;
  const made: string[] = [];

  before(() => {
    engine = openEngine({ host: service.url });
  });
  after(() => engine.close());
  beforeEach(async () => {
    repo = await makeGitRepo();
    mirrors = await mkdtemp(join(tmpdir(), 'layerwright-mirrors-'));
    const access = { tokenFile: null, user: null, privateAddress: true };
    git = openGit({ mirrors, access: [{ pattern: `${repo.folder}/{repo}.git`, ...access }] });
  });
  afterEach(async () => {
    for (const reference of made.splice(0)) {
      await engine.removeReference(reference);
      await engine.cleanUp(reference);
    }
    await git.close();
    await repo.remove();
    await rm(mirrors, { recursive: true, force: true });
  });

  /** Builds a commit as the builder does, with labels that only this build has. */
  async function build(
    commit: string,
    useCache = false,
  ): Promise<{ readonly reference: string; readonly lines: string[] }> {
    count += 1;
    const reference = `layerwright-test/copies-${process.pid}-${count}:1`;
    const source = { repository: repo.bare, branch: 'main', commit, path: '' };
    const job = { build: sampleBuild({ source }), target: SAMPLE_TARGET, signal: NEVER };
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    const found = await survey({ ...job, platform: 'linux/amd64' }, fetched);
    const labels = {
      'io.layerwright.build': reference,
      'io.layerwright.component': 'copies',
      'io.layerwright.target': 'f41',
      release: String(count),
    };
    const labelled = withLabels(found.text, labels);
    const request = requestOf('', reference, {
      context: openContext(job, found, Promise.resolve({ labelled })),
      dockerfile: found.sent.path,
      dockerfileName: found.dockerfile,
      labels: labelled.rest,
      ownSteps: labelled.steps,
      useCache,
    });
    made.push(reference);
    await engine.build(request, NEVER);
    return { reference, lines: request.lines };
  }

  const filesOf = async (commit: string): Promise<Readonly<Record<string, ImageFile>>> => {
    const layers = await layersOf(onlooker(service.url), (await build(commit)).reference);
    return Object.assign({}, ...layers) as Record<string, ImageFile>;
  };
  const diffIds = async (reference: string): Promise<readonly string[]> =>
    (await onlooker(service.url).getImage(reference).inspect()).RootFS.Layers ?? [];
  const textsOf = (files: Readonly<Record<string, ImageFile>>): Record<string, string> =>
    Object.fromEntries(Object.entries(files).map(([path, { text }]) => [path, text]));

  const COMMITTED = { Dockerfile: DOCKERFILE, kept: 'kept\n', other: 'other\n' };
  /** By what is said of it: ignore files, and of the committed files those that are not in the image. */
  const SOURCES: readonly (readonly [string, Readonly<Record<string, string>>, readonly string[]])[] = [
    ['no ignore file', {}, []],
    ['a pattern in the ignore file', { '.dockerignore': '# what stays\n*.log\n' }, []],
    ['a name in the ignore file', { '.dockerignore': 'other\nabsent' }, ['other']],
    ['the Dockerfile in the ignore file', { '.dockerignore': 'Dockerfile\n' }, ['Dockerfile']],
    ['all but one in the ignore file', { '.dockerignore': '*\n!kept\n' }, ['Dockerfile', '.dockerignore', 'other']],
    ['itself in an ignore file', { '.dockerignore': 'a/b\n.dockerignore\n' }, ['.dockerignore']],
    ['an ignore file of Podman’s', { '.dockerignore': 'other\n', '.containerignore': '**/other\n' }, ['other']],
  ];
  for (const [what, ignoreFiles, absent] of SOURCES) {
    test(`is the files of the commit, with ${what}`, async () => {
      const committed = { ...COMMITTED, ...ignoreFiles };
      const files = textsOf(await filesOf(await repo.commit(committed)));
      assert.deepEqual(files, Object.fromEntries(Object.entries(committed).filter(([path]) => !absent.includes(path))));
    });
  }

  test('has one line more in an ignore file that fits no name, always the same', async () => {
    const committed = { ...COMMITTED, '.dockerignore': '# nothing\na/b' };
    const one = textsOf(await filesOf(await repo.commit(committed)));
    assert.deepEqual(one, { ...committed, '.dockerignore': '# nothing\na/b\n.layerwright.Dockerfile\n' });
  });

  test('has the times of the commits that changed it', async () => {
    const first = await repo.commit({ Dockerfile: DOCKERFILE, 'd/old': 'x' });
    const text = (await repo.git('cat-file', 'commit', first)).replace(/^(committer .*> )\d+/m, `$1${LONG_AGO}`);
    await writeFile(join(repo.folder, 'commit'), `${text}\n`);
    const old = await repo.git('hash-object', '-t', 'commit', '-w', join(repo.folder, 'commit'));
    await repo.git('reset', '--quiet', '--soft', old);
    const files = await filesOf(await repo.commit({ new: 'x' }));
    const times = [files['d/old'], files['d'], files['Dockerfile']].map((file) => file?.time);
    assert.deepEqual(times, [LONG_AGO, LONG_AGO, LONG_AGO]);
    assert.ok((files['new']?.time ?? 0) > LONG_AGO);
  });

  test('has the same layers when nothing of it has changed, whenever, as what and by whom it is built', async () => {
    const dockerfile = 'FROM scratch\nLABEL version="1"\nCOPY program note /\nCOPY conf /\n';
    const files = {
      '.dockerignore': 'README\n',
      note: 'note\n',
      program: { program: 'x' },
      'conf/etc/a': 'a',
      'conf/l': { link: 'note' },
    };
    const first = await repo.commit({ Dockerfile: dockerfile, ...files });
    const one = await build(first);
    const again = await build(first);
    assert.deepEqual(await diffIds(again.reference), await diffIds(one.reference));
    const second = await repo.commit({ README: 'read\n', 'other/file': 'x' });
    const other = await build(second);
    assert.deepEqual(await diffIds(other.reference), await diffIds(one.reference));
    const changed = await build(await repo.commit({ note: 'note!\n' }));
    assert.notDeepEqual(await diffIds(changed.reference), await diffIds(one.reference));
  });

  test('comes from the cache when it is built again with other labels', async () => {
    const commit = await repo.commit({ Dockerfile: DOCKERFILE, note: `${process.pid} ${kind}` });
    await build(commit, true);
    const { lines } = await build(commit, true);
    // The maintainer's two steps.
    assert.equal(lines.filter((line) => cached.test(line)).length, 2, lines.join('\n'));
  });

  test('is not named by the name that the engine has it under, when it can’t be read', async () => {
    const request = requestOf('', `layerwright-test/copies-${process.pid}:1`, {
      context: contextOf({ '.layerwright.Dockerfile': '' }),
      dockerfile: '.layerwright.Dockerfile',
      dockerfileName: 'Containerfile',
    });
    await assert.rejects(engine.build(request, NEVER), (thrown: Error) => {
      assert.match(thrown.message, /\bContainerfile\b/);
      assert.doesNotMatch(thrown.message, /layerwright\.Dockerfile/);
      return true;
    });
  });
}
