/** The pushes of a world: messages of hooks, which the trigger has to turn into the builds that are awaited. */
import type { JsonObject } from '../../src/kernel/json.js';
import type { Build, Message } from '../../src/messages/index.js';
import type { TriggerSettings } from '../../src/trigger/index.js';
import { PREFIX, sampleCommit } from '../support/samples.js';
import { type Befalls, drawFault } from './befalls.js';
import type { Random } from './random.js';

/** A commit that is to be built, and when it is pushed. */
export interface Commit {
  readonly build: Build;
  readonly atMs: number;
}

/** Something that a hook sends, once. */
export interface Sent {
  readonly atMs: number;
  readonly message: Message;
  /** Another word for each time that the same message is to be delivered once more. */
  readonly again: string | undefined;
}

export interface Pushes {
  readonly triggers: number;
  /** True when builds hang on some paths only, so that git is asked where a message has no list. */
  readonly watches: boolean;
  readonly sent: readonly Sent[];
  readonly befalls: readonly Befalls[];
}

/** Steps after which nothing befalls a trigger: a push takes about five. */
const FAULTY_STEPS = 200;

/** Draws who tells of the commits of a world, and what befalls those who listen. */
export function drawPushes(random: Random, commits: readonly Commit[]): Pushes {
  const triggers = random.between(1, 2);
  const watches = random.chance(0.5);
  const befalls = Array.from({ length: random.below(4) }, () => ({
    step: random.below(FAULTY_STEPS),
    fault: drawFault(random, { role: 'trigger', number: random.below(triggers) }),
  }));
  const sent = [...commits.flatMap((one) => tellings(random, one, watches)), ...idle(random, watches)];
  return { triggers, watches, sent, befalls };
}

/** One commit, told by one hook or two, each of which may say it twice. */
function tellings(random: Random, { build, atMs }: Commit, watches: boolean): Sent[] {
  const { component, source } = build;
  // A list that is missing is a question to git, where something hangs on it.
  const paths = watches && random.chance(0.5) ? null : ['Dockerfile'];
  const hooks = random.pick([['dist-git'], ['github'], ['dist-git', 'github']]);
  return hooks.flatMap((hook, index) => {
    const at = index === 0 ? atMs : atMs + random.pick([0, 100, 3_000]);
    const message = pushOf(hook, component, source.commit, paths);
    const again = random.pick([undefined, 'hook']);
    const copies = random.chance(0.3) ? [{ atMs: at + random.below(10_000), message, again }] : [];
    return [{ atMs: at, message, again: undefined }, ...copies];
  });
}

/** Pushes of which nothing may come: to a repository of others, and to paths that no image is made of. */
function idle(random: Random, watches: boolean): Sent[] {
  const atMs = random.below(5_000);
  const strange = pushOf('dist-git', 'kernel', sampleCommit('kernel'), ['kernel.spec'], 'rpms');
  const words = pushOf('github', 'httpd', sampleCommit('httpd words'), ['README.md']);
  const messages = [...(random.chance(0.2) ? [strange] : []), ...(watches && random.chance(0.3) ? [words] : [])];
  return messages.map((message) => ({ atMs, message, again: undefined }));
}

/** A push as a hook tells of it; `paths` null: the message has no list of them. */
export function pushOf(
  hook: string,
  repo: string,
  commit: string,
  paths: readonly string[] | null,
  namespace = 'container',
): Message {
  const before = sampleCommit('before');
  const body: JsonObject =
    hook === 'github'
      ? {
          ...{ ref: 'refs/heads/f41', before, after: commit, created: false },
          repository: { full_name: `${namespace}/${repo}` },
          commits: paths === null ? [] : [{ id: commit, added: [], removed: [], modified: [...paths] }],
        }
      : {
          agent: 'ralph',
          commit: {
            ...{ namespace, repo, branch: 'f41', rev: commit, before, created: false },
            ...(paths === null
              ? {}
              : {
                  stats: { files: Object.fromEntries(paths.map((path) => [path, { lines: 1 }])), total: { files: 1 } },
                }),
          },
        };
  return {
    id: `${hook} ${commit}`,
    topic: hook === 'github' ? 'org.example.hooks.github.push' : 'org.example.git.receive',
    headers: {},
    body,
  };
}

/** What a world's triggers are told. */
export function triggerSettings(watches: boolean, sourcePatienceMs: number): TriggerSettings {
  const clone = 'https://src.example.org/{namespace}/{repo}.git';
  return {
    prefix: PREFIX,
    sources: [{ match: { namespace: 'container' }, clone, component: '{repo}' }],
    targets: [{ name: 'f41', refs: ['f41'], onBranchCreate: 'build', closed: false }],
    components: ['httpd', 'base']
      .filter(() => watches)
      .map((component) => ({ component, repository: null, path: '', watch: ['Dockerfile'], buildArgs: {} })),
    sourcePatienceMs,
  };
}
