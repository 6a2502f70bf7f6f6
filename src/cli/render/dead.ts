import type { DeadBody, LogEntry } from '../../bus/index.js';
import type { Paint } from './colour.js';
import { cut, dateTime, safe } from './text.js';

/** Characters of a dead message's content that a line shows. */
const CONTENT_CHARACTERS = 120;

/** A dead letter for machines, content included. */
export function deadJson({ message, storedAt }: LogEntry): object {
  return { time: storedAt.toISOString(), id: message.id, topic: message.topic, ...message.body };
}

/** A dead letter for people: when, code, topic and reason, then the beginning of what it held. */
export function deadLine({ message, storedAt }: LogEntry, paint: Paint): string {
  const { code, reason, group, content, encoding } = message.body as Partial<DeadBody>;
  const head = [
    paint('grey', dateTime(storedAt.toISOString())),
    paint('red', safe(code ?? 'unknown')),
    safe(message.topic),
    safe(`${message.id}, group ${group ?? 'unknown'}`),
  ];
  const text = encoding === 'utf8' ? (content ?? '') : `base64 ${content ?? ''}`;
  return `${head.join('  ')}\n  ${safe(reason ?? '')}\n  ${paint('grey', safe(cut(text, CONTENT_CHARACTERS)))}`;
}
