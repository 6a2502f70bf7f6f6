import type { Verdict } from '../bus/index.js';
import { buildId } from '../kernel/ids.js';
import { type Build, HEADER, type Message, parseOurs } from '../messages/index.js';

export interface Requested {
  readonly build: Build;
  readonly traceparent: string | null;
}

/** The request in a message, or why it is none. An id that its own inputs do not give is a stranger's. */
export function readRequest(prefix: string, message: Message): Requested | Verdict {
  const parsed = parseOurs(prefix, message);
  if (parsed === null) return { kind: 'drop', code: 'request_invalid', reason: `${message.topic} is no topic of ours` };
  if (!parsed.ok) return { kind: 'drop', code: 'request_invalid', reason: parsed.error };
  const { name, body } = parsed.value;
  if (name !== 'build.requested.v1' && name !== 'build.requested.cascade.v1')
    return { kind: 'drop', code: 'request_invalid', reason: `${name} is no request` };
  const { build } = body;
  const { source, cause } = build;
  const expected = buildId({ ...build, commit: source.commit, buildArgs: build.build_args, causeKey: cause.key });
  if (expected !== build.id)
    return { kind: 'drop', code: 'request_forged', reason: 'the build’s id is not the one that its inputs give' };
  const traceparent = message.headers[HEADER.traceparent];
  return { build, traceparent: typeof traceparent === 'string' ? traceparent : null };
}
