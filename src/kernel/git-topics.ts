import { topicPattern } from './topic-pattern.js';

/** Shapes of messages that tell of a push. */
export type PushKind = 'dist_git' | 'pagure' | 'pagure_tag' | 'github' | 'gitlab' | 'forgejo';

/**
 * Every topic that a push is understood from, by its end, the special before the general. `dist_git` names the
 * receive hooks of dist-git, of fedorahosted's Trac and of the infrastructure repositories in all their generations.
 */
const PUSH_TOPICS: readonly (readonly [pattern: string, kind: PushKind])[] = [
  ['#.pagure.git.receive', 'pagure'],
  ['#.pagure.git.tag.creation', 'pagure_tag'],
  ['#.git.receive.#', 'dist_git'],
  ['#.infragit.receive', 'dist_git'],
  ['#.github.push', 'github'],
  ['#.gitlab.push', 'gitlab'],
  ['#.gitlab.tag_push', 'gitlab'],
  ['#.forgejo.push', 'forgejo'],
  ['#.gitea.push', 'forgejo'],
];

/** The default of `git_topics`. No topic matches two of them: `#.git.receive.#` covers Pagure's. */
export const GIT_TOPICS: readonly string[] = PUSH_TOPICS.map(([pattern]) => pattern).filter(
  (pattern) => pattern !== '#.pagure.git.receive',
);

/**
 * The default on NATS, whose subjects have no `#` at both ends: the receive hooks that add words to their topic, the
 * oldest of dist-git, are not among them.
 */
export const NATS_GIT_TOPICS: readonly string[] = GIT_TOPICS.map((pattern) => pattern.replace(/^(#\..*)\.#$/, '$1'));

const COMPILED = PUSH_TOPICS.map(([pattern, kind]) => ({ pattern: topicPattern(pattern), kind }));

/** What kind of push a topic tells of; null when it tells of none. */
export function pushKindOf(topic: string): PushKind | null {
  return COMPILED.find(({ pattern }) => pattern.matches(topic))?.kind ?? null;
}
