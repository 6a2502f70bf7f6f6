import type { RawMessage } from '../messages/index.js';
import type { DeadBody, DeadReason } from './contract.js';

/** Bytes of a dead message's body that are kept. */
const CONTENT_BYTES = 65_536;
/** Characters of a reason that are kept; a stack fits in. */
const REASON_CHARACTERS = 4_000;

/** What the log `dead` keeps of a message that nobody could handle. */
export function deadBody(raw: RawMessage, why: DeadReason, group: string): DeadBody {
  const { content, encoding } = readable(Buffer.from(raw.content));
  return {
    code: why.code,
    reason: why.reason.slice(0, REASON_CHARACTERS),
    group,
    headers: raw.headers,
    content,
    encoding,
  };
}

function readable(bytes: Buffer): Pick<DeadBody, 'content' | 'encoding'> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (bytes.byteLength <= CONTENT_BYTES) return { content: text, encoding: 'utf8' };
    // A character that the cut went through becomes one replacement character at the end; leave it out.
    const cut = bytes.subarray(0, CONTENT_BYTES).toString('utf8');
    return { content: cut.endsWith('\uFFFD') ? cut.slice(0, -1) : cut, encoding: 'utf8' };
  } catch {
    return { content: bytes.subarray(0, CONTENT_BYTES).toString('base64'), encoding: 'base64' };
  }
}
