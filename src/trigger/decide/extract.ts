import { type PushKind, pushKindOf } from '../../kernel/git-topics.js';
import type { JsonObject } from '../../kernel/json.js';
import { err, type Result } from '../../kernel/result.js';
import type { Message } from '../../messages/index.js';
import { distGitPush } from './dist-git.js';
import { objectAt, textAt } from './fields.js';
import { isPagures, pagurePush, pagureTag } from './pagure.js';
import type { Push, Refusal } from './push.js';
import { forgejoPush, githubPush, gitlabPush } from './webhooks.js';

type Extractor = (body: JsonObject) => Result<Push, Refusal>;

const EXTRACTORS: Readonly<Record<PushKind, Extractor>> = {
  dist_git: distGitPush,
  pagure: pagurePush,
  pagure_tag: pagureTag,
  github: githubPush,
  gitlab: gitlabPush,
  forgejo: forgejoPush,
};

/**
 * The push that a message tells of. Tolerant: it takes what a decision needs and asks for nothing else, whatever the
 * message's schema says. `not_a_push`: another topic; `push_invalid`: a push's topic, but no repository in the body.
 * Never throws, whatever the body.
 */
export function extractPush(message: Message): Result<Push, Refusal> {
  const { topic, body } = unwrap(message.topic, message.body);
  const kind = pushKindOf(topic);
  if (kind === null) {
    return err({ code: 'not_a_push', reason: `messages of the topic ${shown(topic)} do not tell of a push` });
  }
  // Pagure's own webhooks end in `git.receive` as well; the body tells.
  return kind === 'dist_git' && isPagures(body) ? pagurePush(body) : EXTRACTORS[kind](body);
}

/** Takes an old fedmsg envelope off, whose topic counts where the message's own is no push's. */
function unwrap(topic: string, body: JsonObject): { readonly topic: string; readonly body: JsonObject } {
  const inner = objectAt(body, 'msg');
  const innerTopic = textAt(body, 'topic');
  if (inner === null || innerTopic === null) return { topic, body };
  return { topic: pushKindOf(topic) === null ? innerTopic : topic, body: inner };
}

function shown(topic: string): string {
  return topic.length > 120 ? `${topic.slice(0, 120)}…` : topic;
}
