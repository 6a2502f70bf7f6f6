import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { isJsonObject, type JsonObject } from '../kernel/json.js';
import { LIMITS } from '../kernel/limits.js';
import { ServiceError } from '../kernel/service-error.js';
import type { Message } from '../messages/index.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import type { Session } from './session.js';

interface Options {
  readonly topic?: string;
  readonly id?: string;
  readonly unchecked?: boolean;
  readonly json?: boolean;
}

/** Bytes of a line of a dump: a body and its headers, and what JSON's escapes add. */
const MAX_LINE = 2 * (LIMITS.messageBytes + LIMITS.headerBytes);
const TOPIC = /^[^.\s*#]+(\.[^.\s*#]+)*$/;
const TOPIC_BYTES = 255;

/** `layerwright publish`: a dump's messages, or one body, to the bus. */
export function publishCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('publish')
      .summary('publish messages to the bus')
      .description(
        'Publishes the messages of a dump (one JSON object a line, as `layerwright record` writes them), or with --topic one JSON body. Ends when the bus has stored them.',
      )
      .argument('[file]', 'a file, or - for standard input', '-')
      .option('--topic <topic>', 'the input is one JSON body for this topic')
      .option('--id <id>', 'with --topic: id of the message; without it a new one')
      .option('--unchecked', 'also messages of ours that do not fit their schema')
      .option(...JSON_OPTION)
      .action(
        act(context, (file: string, options: Options, command: Command) => publish(context, file, options, command)),
      ),
    [
      'layerwright publish recorded.jsonl',
      'layerwright publish --topic org.example.prod.git.receive push.json',
      'layerwright record --since 1h | layerwright publish --config other.yaml -',
    ],
  );
}

async function publish(context: CliContext, file: string, options: Options, command: Command): Promise<number> {
  // Opened when it is read: a stream that fails while nobody listens would end the process.
  const input = (): Readable => (file === '-' ? context.terminal.stdin : createReadStream(file));
  if (file === '-' && context.terminal.stdin.isTTY) context.terminal.note('reading from the terminal; Ctrl-D ends');
  const { withSession } = await import('./session.js');
  const send = await checked(context, options);
  if (options.topic !== undefined) {
    // Everything is read and looked at before the bus is opened: a hook that waits for its input holds nothing.
    const message = bodyMessage(await readAll(input, file), options.topic, options, context);
    return withSession(context, command, async (session) => {
      await send(session, message);
      if (options.json) context.terminal.out(jsonLine({ id: message.id, topic: message.topic }));
      return EXIT.ok;
    });
  }
  return withSession(context, command, (session) => publishDump(context, session, input, file, send, options));
}

type Send = (session: Session, message: Message) => Promise<void>;

/** Publishes one message; ours must fit their schema unless that was waived. */
async function checked({ terminal }: CliContext, { unchecked }: Options): Promise<Send> {
  const { parseOurs } = await import('../messages/index.js');
  return async ({ bus, prefix }, message) => {
    const ours = parseOurs(prefix, message);
    if (ours?.ok === false) {
      if (!unchecked)
        throw new ServiceError(
          'message_invalid',
          `the message ${message.id} to ${message.topic} is invalid: ${ours.error}`,
        );
      terminal.note(`published though invalid: ${message.id}: ${ours.error}`);
    }
    await bus.publish(message);
  };
}

async function publishDump(
  context: CliContext,
  session: Session,
  input: () => Readable,
  file: string,
  send: Send,
  options: Options,
): Promise<number> {
  const { parseDumpLine } = await import('../messages/index.js');
  let count = 0;
  let at = 0;
  for await (const line of linesOf(input, file)) {
    at += 1;
    if (line.trim() === '') continue;
    if (context.interrupt.aborted) return EXIT.interrupted;
    const parsed = parseDumpLine(line);
    if (!parsed.ok) throw atLine(at, count, new ServiceError('message_invalid', parsed.error));
    try {
      await send(session, parsed.value);
    } catch (thrown) {
      throw thrown instanceof ServiceError ? atLine(at, count, thrown) : thrown;
    }
    count += 1;
  }
  context.terminal.out(
    options.json ? jsonLine({ published: count }) : `published ${count} message${count === 1 ? '' : 's'}`,
  );
  return EXIT.ok;
}

function atLine(line: number, published: number, error: ServiceError): ServiceError {
  return new ServiceError(error.code, `line ${line}: ${error.message}`, {
    cause: error,
    transient: error.transient,
    detail: `${published} messages before it were published; publishing them again is harmless`,
  });
}

function bodyMessage(text: string, topic: string, options: Options, { env }: CliContext): Message {
  if (!TOPIC.test(topic) || Buffer.byteLength(topic) > TOPIC_BYTES) {
    throw new ServiceError(
      'usage',
      `${JSON.stringify(topic.slice(0, 80))} is not a topic: words joined by dots, at most ${TOPIC_BYTES} bytes`,
    );
  }
  const traceparent = env['TRACEPARENT'];
  return {
    id: options.id ?? randomUUID(),
    topic,
    headers: traceparent ? { traceparent } : {},
    body: parseBody(text),
  };
}

function parseBody(text: string): JsonObject {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new ServiceError(
      'message_invalid',
      `the input is not JSON: ${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : ''}`,
      {
        cause,
      },
    );
  }
  if (!isJsonObject(body)) throw new ServiceError('message_invalid', 'the input is JSON, but not an object');
  return body;
}

async function readAll(input: () => Readable, name: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunksOf(input, name)) {
    length += chunk.length;
    if (length > MAX_LINE) throw new ServiceError('message_too_large', 'the input is longer than a message may be');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function* linesOf(input: () => Readable, name: string): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunksOf(input, name)) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = rest.indexOf(10, from); end !== -1; end = rest.indexOf(10, from)) {
      yield rest.toString('utf8', from, end);
      from = end + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > MAX_LINE)
      throw new ServiceError('message_too_large', 'a line of the input is longer than a message may be');
  }
  if (rest.length > 0) yield rest.toString('utf8');
}

async function* chunksOf(input: () => Readable, name: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of input()) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
  } catch (cause) {
    throw new ServiceError('usage', `${name} can't be read: ${cause instanceof Error ? cause.message : ''}`, { cause });
  }
}
