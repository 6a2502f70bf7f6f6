import type { Channel, ChannelModel } from 'amqplib';
import { pause } from '../../runtime/clock.js';

/** How long a peer may take to answer a close; milliseconds. */
const CLOSE_PATIENCE_MS = 3_000;

/**
 * Closes a channel in whatever state it is; resolves when it is closed, never rejects. The driver's own promise never
 * settles when the connection dies before the server has answered; the channel's `close` comes then too.
 */
export function closeChannel(channel: Channel): Promise<void> {
  return new Promise((resolve) => {
    channel.once('close', () => resolve());
    try {
      channel.close().then(resolve, () => resolve());
    } catch {
      resolve(); // It is closed.
    }
  });
}

/**
 * Closes a connection in whatever state it is. The socket is cut off in the end: a silent peer's would stay open, and
 * whoever waits for an answer on it would wait for ever.
 */
export async function closeConnection(model: ChannelModel): Promise<void> {
  const given = new AbortController();
  const closed = new Promise<void>((resolve) => {
    model.once('close', () => resolve());
    model.close().then(resolve, () => resolve());
  });
  await Promise.race([closed, pause(CLOSE_PATIENCE_MS, given.signal)]);
  given.abort();
  cutOff(model);
}

/** The driver has no method for this. Only an error reaches it, and through it all channels, whose waiting calls are rejected. */
function cutOff(model: ChannelModel): void {
  const { stream } = model.connection as unknown as { readonly stream?: { destroy(error: Error): void } };
  stream?.destroy(new Error('Socket closed abruptly'));
}
