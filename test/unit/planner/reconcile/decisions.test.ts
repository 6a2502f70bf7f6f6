import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Build } from '../../../../src/messages/index.js';
import { decideHead, type Head, type KnownBuild } from '../../../../src/planner/reconcile/decide/heads.js';
import { isAtRest, namedImages } from '../../../../src/planner/reconcile/decide/names.js';
import { BuildHistory, historyName } from '../../../support/build-history.js';
import { sampleBuild, sampleCommit } from '../../../support/samples.js';
import { HTTPD, MONOREPO, rules } from './rules.js';

const wantedOf = rules();

function headOf(repository: string, ref: string, commit = 'head'): Head {
  return { repository, ref, commit: sampleCommit(commit) };
}

function known(branch: string, commit: string): KnownBuild {
  return { source: { branch, commit: sampleCommit(commit) } };
}

function wantedFor(head: Head, component: string): Build {
  const found = wantedOf(head, { created: false, changed: null }).find((build) => build.component === component);
  assert.ok(found, `${component} is wanted`);
  return found;
}

describe('the head of a branch', () => {
  const single = headOf(HTTPD, 'f41');
  const httpd = wantedFor(single, 'httpd');
  const shared = headOf(MONOREPO, 'f41');
  const tools = wantedFor(shared, 'tools');
  const decide = (head: Head, build: Build, of: readonly KnownBuild[], paths: readonly string[] | null = null) => {
    const changed = paths === null ? null : { kind: 'known' as const, paths };
    return decideHead({ head, build, known: of, changed }, wantedOf);
  };

  test('is asked for as its push would have been: the same build', () => {
    const pushed = sampleBuild({ source: { repository: HTTPD, commit: single.commit } });
    assert.equal(httpd.id, pushed.id);
    assert.deepEqual(httpd.source, pushed.source);
    assert.deepEqual([httpd.cause.type, httpd.cause.key], ['reconcile', '']);
    assert.deepEqual(decide(single, httpd, [known('f41', 'older')]), { kind: 'ask', last: sampleCommit('older') });
  });

  test('is not asked for when a build of its commit is known, of another branch too', () => {
    assert.deepEqual(decide(single, httpd, [known('f41', 'head')]), { kind: 'settled', why: 'known' });
    assert.deepEqual(decide(single, httpd, [known('main', 'head'), known('f41', 'older')]), {
      kind: 'settled',
      why: 'known',
    });
  });

  test('of a branch that was never heard of is asked for, unless new branches wait for their next commit', () => {
    assert.deepEqual(decide(single, httpd, [known('main', 'older')]), { kind: 'ask', last: null });
    const feature = headOf(HTTPD, 'feature-1');
    const build = wantedFor(feature, 'httpd');
    assert.deepEqual(decide(feature, build, []), { kind: 'settled', why: 'new_branch' });
    assert.deepEqual(decide(feature, build, [known('feature-1', 'older')]), {
      kind: 'ask',
      last: sampleCommit('older'),
    });
  });

  test('of a tag is left alone until a build of that tag is known', () => {
    const tag = headOf(HTTPD, 'tags/v1');
    const build = wantedFor(tag, 'httpd');
    assert.deepEqual(decide(tag, build, [known('tags/v0', 'older')]), { kind: 'settled', why: 'tag' });
    assert.equal(decide(tag, build, [known('tags/v1', 'older')]).kind, 'ask');
  });

  test('of a repository of several images is asked for where what lies between touches the image', () => {
    const before = [known('f41', 'older')];
    assert.deepEqual(decide(shared, tools, before), { kind: 'question', before: sampleCommit('older') });
    assert.equal(decide(shared, tools, before, ['lib/a.c']).kind, 'ask');
    assert.deepEqual(decide(shared, tools, before, ['images/shell/Dockerfile']), { kind: 'settled', why: 'untouched' });
    const unknown = { head: shared, build: tools, known: before, changed: { kind: 'unknown' as const } };
    assert.equal(decideHead(unknown, wantedOf).kind, 'ask', 'as a push of which nobody knows what it changed');
    const away = { kind: 'away' as const, reason: 'no route' };
    assert.deepEqual(decideHead({ ...unknown, changed: away }, wantedOf), away);
  });

  test('is nobody’s of a closed target or a strange repository', () => {
    assert.deepEqual(wantedOf(headOf(HTTPD, 'f39'), { created: false, changed: null }), []);
    const strange = headOf('https://elsewhere.example.org/container/httpd.git', 'f41');
    assert.deepEqual(wantedOf(strange, { created: false, changed: null }), []);
  });
});

describe('a history of pushes of which some were lost', () => {
  /** What each commit of a branch touches, and whether its push was heard. */
  const history = fc.array(
    fc.record({
      touches: fc.subarray(['images/tools/a', 'images/shell/a', 'lib/a', 'README']),
      heard: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  );
  const commitOf = (index: number): string => sampleCommit(`commit ${index}`);
  const components = ['tools', 'shell'];

  interface Commits {
    readonly touches: readonly string[];
    readonly heard: boolean;
  }

  /** The builds that the heard pushes led to, newest first, by component. */
  const heardBuilds = (commits: readonly Commits[]): ReadonlyMap<string, KnownBuild[]> => {
    const builds = new Map<string, KnownBuild[]>(components.map((component) => [component, []]));
    for (const [index, { touches, heard }] of commits.entries()) {
      if (!heard) continue;
      const head = headAt(index);
      for (const { component } of wantedOf(head, { created: index === 0, changed: index === 0 ? null : touches }))
        builds.get(component)?.unshift({ source: { branch: 'f41', commit: head.commit } });
    }
    return builds;
  };
  const headAt = (index: number): Head => ({ repository: MONOREPO, ref: 'f41', commit: commitOf(index) });
  /** One pass over the head; git says what lies between. */
  const pass = (commits: readonly Commits[], builds: ReadonlyMap<string, readonly KnownBuild[]>): readonly Build[] => {
    const head = headAt(commits.length - 1);
    return wantedOf(head, { created: false, changed: null }).filter((build) => {
      const of = builds.get(build.component) ?? [];
      const first = decideHead({ head, build, known: of, changed: null }, wantedOf);
      if (first.kind !== 'question') return first.kind === 'ask';
      const from = commits.findIndex((_, index) => commitOf(index) === first.before);
      const paths = commits.slice(from + 1).flatMap(({ touches }) => touches);
      return decideHead({ head, build, known: of, changed: { kind: 'known', paths } }, wantedOf).kind === 'ask';
    });
  };
  const touched = (component: string, touches: readonly string[]): boolean =>
    touches.some((path) => path.startsWith(`images/${component}/`) || (component === 'tools' && path === 'lib/a'));

  test('is made good by one pass, and a second pass finds nothing', () => {
    fc.assert(
      fc.property(history, (commits) => {
        const builds = heardBuilds(commits);
        const asked = pass(commits, builds);
        for (const { component, source } of asked) {
          assert.ok(!builds.get(component)?.some((one) => one.source.commit === source.commit), 'was built before');
          builds.get(component)?.unshift({ source });
        }
        for (const component of components) {
          const lastTouch = commits.findLastIndex(({ touches }, at) => at === 0 || touched(component, touches));
          const last = builds.get(component)?.[0]?.source.commit;
          const built = commits.findIndex((_, index) => commitOf(index) === last);
          assert.ok(built >= lastTouch, `${component} is built from ${built}, touched by ${lastTouch}`);
        }
        assert.deepEqual(pass(commits, builds), []);
      }),
    );
  });

  test('asks for nothing when all were heard, and for the same whoever asks and in whatever order the log has it', () => {
    fc.assert(
      fc.property(history, (commits) => {
        assert.deepEqual(pass(commits, heardBuilds(commits.map((commit) => ({ ...commit, heard: true })))), []);
        const builds = heardBuilds(commits);
        const ids = (asked: readonly Build[]): readonly string[] => asked.map(({ id }) => id).sort();
        assert.deepEqual(ids(pass(commits, builds)), ids(pass(commits, new Map([...builds].reverse()))));
      }),
    );
  });
});

describe('the names of images', () => {
  const everyone = (): boolean => false;

  test('stand for the image that they were moved to last, by the log; the unique tag is nobody’s affair', () => {
    const history = new BuildHistory();
    history.build('httpd');
    const last = history.build('httpd');
    const own = `candidate.example.org/f41/httpd:build-${last.id}`;
    if (last.image !== null) last.image.references.push(own, historyName('httpd', '1'));
    history.build('httpd', [], { state: 'failed' });
    assert.deepEqual(namedImages(history.graph(), everyone), [
      {
        component: 'httpd',
        target: 'f41',
        build: last.id,
        nvr: last.nvr,
        digest: last.image?.digest,
        references: [historyName('httpd', '1'), historyName('httpd')],
      },
    ]);
    assert.deepEqual(
      namedImages(history.graph(), () => true),
      [],
    );
  });

  test('that two targets share belong to who was given them last, so that no pass takes them back', () => {
    const names = fc.subarray(['a', 'b', 'c'], { minLength: 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('f40', 'f41', 'f42'), names), { minLength: 1 }), (builds) => {
        const history = new BuildHistory();
        const holder = new Map<string, string>();
        for (const [target, given] of builds) {
          const made = history.build('httpd', [], { target });
          const references = given.map((tag) => historyName('httpd', tag));
          made.image?.references.splice(0, 1, ...references);
        }
        const current = new Map(history.builds.map((build) => [build.target, build]));
        for (const build of [...current.values()].sort((a, b) => seqOf(a) - seqOf(b)))
          for (const reference of build.image?.references ?? []) holder.set(reference, build.id);
        const images = namedImages(history.graph(), everyone);
        const told = images.flatMap(({ build, references }) => references.map((name) => [name, build] as const));
        assert.deepEqual(new Map(told), holder);
        assert.equal(told.length, holder.size);
      }),
    );
  });

  test('are seen truly only while no build of the component is at work, and none has completed since', () => {
    const history = new BuildHistory();
    const image = history.build('httpd');
    const later = history.build('httpd');
    const own = { build: image.id };
    assert.equal(isAtRest(own, [image]), true);
    assert.equal(isAtRest(own, [later, image]), false);
    assert.equal(isAtRest({ build: later.id }, [later, image]), true);
    assert.equal(isAtRest({ build: later.id }, [{ ...image, id: 'x', state: 'started' }, later]), false);
    assert.equal(isAtRest({ build: later.id }, [{ ...image, id: 'x', state: 'failed' }, later]), true);
  });
});

function seqOf({ messages }: { readonly messages: readonly { readonly seq: number }[] }): number {
  return messages[0]?.seq ?? 0;
}
