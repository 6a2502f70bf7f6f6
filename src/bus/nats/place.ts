/** Where a delivery lies in its stream, as the subject says to which it is acknowledged. */
export interface Place {
  readonly stream: string;
  readonly seq: number;
  /** How often this message was delivered to its group, from 1. */
  readonly delivered: number;
  /** Counts a consumer's deliveries, from 1. */
  readonly delivery: number;
  /** When the message was stored, in nanoseconds as the server writes them, and in whole milliseconds. */
  readonly storedNs: string;
  readonly storedMs: number;
  /** Messages that the consumer has after this one. */
  readonly pending: number;
}

const NANOSECONDS_DIGITS = 6;
/** Words of `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<delivery>.<time>.<pending>`. */
const SHORT_WORDS = 9;

/** Null for what is no delivery of JetStream's. Newer servers put domain and account behind `$JS.ACK`. */
export function placeOfReply(reply: string | undefined): Place | null {
  const words = reply?.split('.') ?? [];
  if (words[0] !== '$JS' || words[1] !== 'ACK' || words.length < SHORT_WORDS) return null;
  const [stream, , delivered, seq, delivery, storedNs, pending] = words.slice(words.length === SHORT_WORDS ? 2 : 4);
  if (stream === undefined || storedNs === undefined) return null;
  return {
    stream,
    seq: Number(seq),
    delivered: Number(delivered),
    delivery: Number(delivery),
    storedNs,
    storedMs: Number(storedNs.slice(0, -NANOSECONDS_DIGITS)),
    pending: Number(pending),
  };
}
