/** A server's AMQP bytes without deliveries (AMQP 0-9-1, 2.3.5 and 4.2.3): all else passes, heartbeats too. */
import type { Rewrite } from '../support/faulty-proxy.js';

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
/** Type, channel, size; and the octet after the payload. */
const FRAME_HEAD = 7;
const FRAME_END = 1;
const BASIC = 60;
const DELIVER = 60;

export function swallowAmqp(): Rewrite {
  let rest: Buffer = Buffer.alloc(0);
  /** Channels whose delivery is being kept back. */
  const swallowing = new Set<number>();
  const passes = (frame: Buffer): boolean => {
    const [type, channel] = [frame.readUInt8(0), frame.readUInt16BE(1)];
    if (type === METHOD) {
      const deliver = frame.readUInt16BE(FRAME_HEAD) === BASIC && frame.readUInt16BE(FRAME_HEAD + 2) === DELIVER;
      if (deliver) swallowing.add(channel);
      else swallowing.delete(channel);
      return !deliver;
    }
    return !((type === HEADER || type === BODY) && swallowing.has(channel));
  };
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const passed: Buffer[] = [];
    while (rest.length >= FRAME_HEAD) {
      const size = FRAME_HEAD + rest.readUInt32BE(3) + FRAME_END;
      if (rest.length < size) break;
      const frame = rest.subarray(0, size);
      rest = rest.subarray(size);
      if (passes(frame)) passed.push(frame);
    }
    return Buffer.concat(passed);
  };
}
