/** A server's NATS bytes without the deliveries of JetStream: all else passes, pings and answers too. */
import type { Rewrite } from '../support/faulty-proxy.js';

const NEW_LINE = Buffer.from('\r\n');

export function swallowNats(): Rewrite {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const passed: Buffer[] = [];
    for (;;) {
      const end = rest.indexOf(NEW_LINE);
      if (end < 0) break;
      const line = rest.subarray(0, end).toString('latin1');
      const words = line.split(' ');
      const isMessage = words[0] === 'MSG' || words[0] === 'HMSG';
      const size = end + NEW_LINE.length + (isMessage ? Number(words.at(-1)) + NEW_LINE.length : 0);
      if (rest.length < size) break;
      // What JetStream delivers is to be acknowledged there.
      if (!isMessage || !words.some((word) => word.startsWith('$JS.ACK.'))) passed.push(rest.subarray(0, size));
      rest = rest.subarray(size);
    }
    return Buffer.concat(passed);
  };
}
