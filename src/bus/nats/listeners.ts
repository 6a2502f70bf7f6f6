import type { Msg, Subscription } from 'nats';
import { derivedId } from '../../kernel/ids.js';
import { toError } from '../../kernel/service-error.js';
import { anyTopic } from '../../kernel/topic-pattern.js';
import { decode, type Message } from '../../messages/index.js';
import type { Listener } from '../contract.js';
import type { Link } from './connect.js';
import { subjectsOf, topicFault } from './subjects.js';
import { fromCarried } from './wire.js';

/** What passes on the server beside messages: its own subjects, answers, and our copies. */
const INTERNAL = 'layerwright.';
/** Where a delivery of JetStream is to be acknowledged. */
const DELIVERY = '$JS.ACK.';

/** All listeners of a bus: plain subscriptions. */
export class Listeners {
  readonly #link: Link;
  readonly #ears = new Set<Listener>();

  constructor(link: Link) {
    this.#link = link;
  }

  /** Resolves when the server knows of it. */
  async add(patterns: readonly string[], onMessage: (message: Message) => void): Promise<Listener> {
    await this.#link.whenUp(0);
    const wants = anyTopic(patterns);
    const hear = (msg: Msg): void => {
      // A subscription to everything gets deliveries to consumers too, under the subject of what is delivered.
      if (msg.reply?.startsWith(DELIVERY)) return;
      if (msg.subject.startsWith(INTERNAL) || topicFault(msg.subject) !== null || !wants(msg.subject)) return;
      const { raw } = fromCarried(msg, false);
      const message = decode(raw, derivedId('nats', msg.subject, Buffer.from(msg.data).toString('base64')));
      if (!message.ok) return;
      try {
        onMessage(message.value);
      } catch (thrown) {
        this.#link.report(toError(thrown));
      }
    };
    const subscriptions: Subscription[] = subjectsOf(patterns).map((subject) =>
      this.#link.nc.subscribe(subject, {
        callback: (fault, msg) => (fault === null ? hear(msg) : this.#link.fault(fault)),
      }),
    );
    const listener: Listener = {
      stop: async () => {
        this.#ears.delete(listener);
        for (const one of subscriptions.splice(0)) if (!one.isClosed()) one.unsubscribe();
      },
    };
    this.#ears.add(listener);
    await this.#link.nc.flush();
    return listener;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ears].map((ear) => ear.stop()));
  }
}
