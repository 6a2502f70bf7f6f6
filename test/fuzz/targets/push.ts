import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isCommit, shortRef } from '../../../src/kernel/git-ref.js';
import { compose, type Message } from '../../../src/messages/index.js';
import { buildOf, pushCause } from '../../../src/trigger/decide/body.js';
import { type Candidate, decideBuilds, pathsQuestion } from '../../../src/trigger/decide/builds.js';
import { extractPush } from '../../../src/trigger/decide/extract.js';
import { isNamespace, isRepoName } from '../../../src/trigger/decide/fields.js';
import type { Push } from '../../../src/trigger/decide/push.js';
import type { TriggerSettings } from '../../../src/trigger/settings.js';
import { PREFIX, SAMPLE_TIME, sampleCommit } from '../../support/samples.js';
import { damagedJson } from '../json-mutations.js';
import { recordedPushes } from '../samples.js';
import { fuzzTarget } from '../target.js';

const CLONE = 'https://src.example.org/';

/** Takes all that can be taken, so that much comes through. */
const SETTINGS: TriggerSettings = {
  prefix: PREFIX,
  sources: [
    { match: { namespace: 'forks/**' }, clone: `${CLONE}{namespace}/{repo}.git`, component: '{namespace}/{repo}' },
    { match: { namespace: '**' }, clone: `${CLONE}{namespace}/{repo}.git`, component: '{repo}' },
    { match: {}, clone: `${CLONE}{repo}.git`, component: '{repo}' },
  ],
  targets: [
    { name: 'all', refs: ['**', 'tags/**'], onBranchCreate: 'build', closed: false },
    { name: 'skips', refs: ['m*'], onBranchCreate: 'skip', closed: false },
    { name: 'closed', refs: ['*'], onBranchCreate: 'build', closed: true },
  ],
  sourcePatienceMs: 3_600_000,
  components: [
    { component: 'part', repository: 'tahrir', path: 'images/part', watch: ['lib/**'], buildArgs: { A: '1' } },
  ],
};

const TOPICS = ['git.receive', 'pagure.git.receive', 'pagure.git.tag.creation', 'github.push', 'gitlab.push'];
const MORE_TOPICS = ['gitlab.tag_push', 'forgejo.push', 'gitea.push', 'git.receive.a.b', 'infragit.receive', 'other'];
/** What members may hold that is right in its place. */
const RIGHT = [
  ...['refs/heads/main', 'refs/tags/v1', 'refs/pull/1/head', 'f41', '0'.repeat(40), sampleCommit('a'), 'a'.repeat(64)],
  ...[
    'https://github.com/a/b',
    'git@host.example.org:a/b.git',
    'ssh://-oProxyCommand=x/a',
    'file:///etc',
    'a/b',
    'a/../b',
  ],
];

export const push = fuzzTarget({
  name: 'push',
  about: 'whatever a message about a push holds, it becomes requests that fit their schema, or a refusal with a reason',
  inputs: () => {
    const samples = recordedPushes();
    const topics = [...samples.map(({ topic }) => topic), ...[...TOPICS, ...MORE_TOPICS].map((end) => `org.x.${end}`)];
    return fc.record({
      topic: fc.constantFrom(...topics),
      body: damagedJson(
        samples.map(({ body }) => body),
        RIGHT,
      ),
    });
  },
  check({ topic, body }) {
    const before = textOf(body);
    const message = { id: 'push', topic, headers: {}, body };
    const extracted = extractPush(message);
    assert.deepEqual(extractPush(message), extracted);
    assert.equal(textOf(body), before, 'reading changes nothing');
    if (!extracted.ok) return void assert.ok(extracted.error.reason !== '' && extracted.error.reason.length < 500);
    isSound(extracted.value);
    const question = pathsQuestion(extracted.value, SETTINGS);
    if (question !== null) isSoundUrl(question.url);
    for (const changed of [extracted.value.paths, null, ['images/part/x', '../x', '']]) {
      const decision = decideBuilds(extracted.value, SETTINGS, changed);
      assert.ok(decision.refusal !== null || decision.builds.length + decision.notBuilt.length > 0);
      for (const candidate of decision.builds) isSoundRequest(candidate, message, extracted.value);
    }
  },
});

function isSound({ host, namespace, repo, ref, commit, before, paths, agent }: Push): void {
  assert.ok(isRepoName(repo) && (namespace === null || isNamespace(namespace)));
  assert.ok(host === null || host === host.toLowerCase());
  if (ref.ok) assert.deepEqual(shortRef(ref.value), ref, 'a short name is its own short name');
  else assert.notEqual(ref.error.reason, '');
  if (commit.ok) assert.ok(isCommit(commit.value));
  assert.ok(before === null || isCommit(before));
  assert.ok(paths === null || paths.every((path) => typeof path === 'string'));
  assert.ok(agent === null || (agent !== '' && agent.length <= 255));
}

/** Where git goes is what the rule says, and nothing that a name smuggled in. */
function isSoundUrl(url: string): void {
  assert.ok(url.startsWith(CLONE) && url.endsWith('.git'));
  assert.equal(new URL(url).href, url);
}

function isSoundRequest(candidate: Candidate, message: Message, { agent }: Push): void {
  isSoundUrl(candidate.repository.url);
  assert.equal(candidate.ref.startsWith('-'), false);
  const build = buildOf(candidate, { kind: 'official', release: null, cause: pushCause(message.id, agent) });
  const name = 'build.requested.v1' as const;
  const request = compose({ prefix: PREFIX, name, id: build.id, body: { build }, now: SAMPLE_TIME });
  assert.equal(JSON.stringify(request).includes('polluted'), false);
}

function textOf(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch {
    return 'too deep';
  }
}
