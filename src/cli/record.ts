import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Command } from 'commander';
import type { LogEntry, LogStart } from '../bus/index.js';
import { ServiceError } from '../kernel/service-error.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { parseSince } from './options.js';
import type { Session } from './session.js';

interface Options {
  readonly topic?: readonly string[];
  readonly since?: Date;
  readonly follow?: boolean;
  readonly output?: string;
}

/** `layerwright record`: the logs as a dump, which `publish` and replay read. */
export function recordCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('record')
      .summary('write messages to a file, to be published again')
      .description(
        'Writes the messages of the logs, pushes and ours, in the order of their storing, as a dump: one JSON object a line.',
      )
      .option('--topic <pattern>', 'only topics that match (`*` one word, `#` any number); may be repeated', gather)
      .option('--since <time>', 'begin here: an ISO time, or 10m, 2h, 3d', (text) => parseSince(text))
      .option('--follow', 'go on as more come; Ctrl-C ends it')
      .option('-o, --output <file>', 'append to this file instead of standard output')
      .action(act(context, (options: Options, command: Command) => record(context, options, command))),
    ['layerwright record --since 1d --output yesterday.jsonl', "layerwright record --topic '#.git.receive' --follow"],
  );
}

function gather(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

async function record(context: CliContext, options: Options, command: Command): Promise<number> {
  const { withSession } = await import('./session.js');
  return withSession(context, command, async (session) => {
    const sink = openSink(context, options.output);
    try {
      return await write(context, options, session, sink);
    } finally {
      await sink.close();
    }
  });
}

async function write(context: CliContext, options: Options, session: Session, sink: Sink): Promise<number> {
  const [{ formatDump }, { anyTopic }, { ended }, { inOrder }] = await Promise.all([
    import('../messages/index.js'),
    import('../kernel/topic-pattern.js'),
    import('../runtime/signals.js'),
    import('../replay/index.js'),
  ]);
  const wanted = options.topic === undefined ? () => true : anyTopic(options.topic);
  const from: LogStart = options.since === undefined ? 'start' : { time: options.since };
  let count = 0;
  const put = async (batch: readonly LogEntry[]): Promise<void> => {
    const lines = batch.filter(({ message }) => wanted(message.topic)).map(({ message }) => formatDump(message));
    count += lines.length;
    if (lines.length > 0) await sink.write(`${lines.join('\n')}\n`);
  };
  if (options.follow) {
    const followers = await Promise.all([session.bus.follow('git', from, put), session.bus.follow('ours', from, put)]);
    await Promise.race([ended(context.interrupt), sink.failed, ...followers.map((follower) => follower.stopped)]);
    await Promise.all(followers.map((follower) => follower.stop()));
    return EXIT.interrupted;
  }
  for await (const batch of inOrder(session.bus, ['git', 'ours'], from)) {
    await put(batch);
    if (context.interrupt.aborted) return EXIT.interrupted;
  }
  if (options.output !== undefined) context.terminal.note(`recorded ${count} messages to ${options.output}`);
  return EXIT.ok;
}

interface Sink {
  write(text: string): Promise<void>;
  /** Rejects when nothing can be written any more; never resolves. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

function openSink({ terminal }: CliContext, path: string | undefined): Sink {
  if (path === undefined) {
    return {
      write: async (text) => terminal.raw(text),
      failed: new Promise(() => undefined),
      close: async () => undefined,
    };
  }
  const file = createWriteStream(path, { flags: 'a' });
  const failed = new Promise<never>((_, reject) => {
    file.on('error', (cause) =>
      reject(new ServiceError('usage', `${path} can't be written to: ${cause.message}`, { cause })),
    );
  });
  failed.catch(() => undefined);
  return {
    failed,
    write: async (text) => {
      if (!file.write(text)) await Promise.race([once(file, 'drain'), failed]);
    },
    close: async () => {
      await Promise.race([new Promise<void>((resolve) => file.end(resolve)), failed]);
    },
  };
}
