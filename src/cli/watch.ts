import type { Command } from 'commander';
import type { LogEntry, LogStart } from '../bus/index.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION } from './json.js';
import { parseSince } from './options.js';
import type { Session } from './session.js';

interface Options {
  readonly dead?: boolean;
  readonly follow?: boolean;
  readonly component?: string;
  readonly topic?: string;
  readonly since?: Date;
  readonly json?: boolean;
}

/** `layerwright watch`: events as they come, one line each; `--dead` the messages that nobody could handle. */
export function watchCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('watch')
      .summary('show events as they come, or dead letters')
      .description(
        'Shows events as they come, one line each: time, component, state, how long it took, NVR and what there is to say. Ctrl-C ends it.',
      )
      .option('--component <name>', 'only of this component')
      .option('--topic <pattern>', 'only topics that match (`*` is one word, `#` any number)')
      .option('--since <time>', 'begin in the past: an ISO time, or 10m, 2h, 3d', (text) => parseSince(text))
      .option('--dead', 'list the messages that nobody could handle, with code and reason')
      .option('--follow', 'with --dead: go on as more come')
      .option(...JSON_OPTION)
      .action(act(context, (options: Options, command: Command) => watch(context, options, command))),
    [
      'layerwright watch',
      'layerwright watch --component httpd --since 1h',
      "layerwright watch --topic 'org.example.prod.container.build.*' --json",
      'layerwright watch --dead --follow',
    ],
  );
}

async function watch(context: CliContext, options: Options, command: Command): Promise<number> {
  const { withSession } = await import('./session.js');
  return withSession(context, command, (session) =>
    options.dead ? watchDead(context, options, session) : watchLive(context, options, session),
  );
}

async function watchLive(context: CliContext, options: Options, session: Session): Promise<number> {
  const [{ EventStream }, { eventLine }, { painter }, { ended }, { anyTopic }] = await Promise.all([
    import('./event-stream.js'),
    import('./render/event.js'),
    import('./render/colour.js'),
    import('../runtime/signals.js'),
    import('../kernel/topic-pattern.js'),
  ]);
  const { terminal } = context;
  const paint = painter(terminal.colour);
  const wanted = options.topic === undefined ? () => true : anyTopic([options.topic]);
  const events = new EventStream(session.prefix);
  const show = (batch: readonly LogEntry[]): void => {
    for (const entry of batch) {
      const event = events.next(entry);
      if (event === null || !wanted(event.topic)) continue;
      if (options.component !== undefined && event.component !== options.component) continue;
      terminal.out(options.json ? JSON.stringify(event) : eventLine(event, paint));
    }
  };
  const from: LogStart = options.since === undefined ? 'end' : { time: options.since };
  const followers = await Promise.all([session.bus.follow('git', from, show), session.bus.follow('ours', from, show)]);
  if (!options.json) terminal.note('watching; Ctrl-C ends');
  await Promise.race([ended(context.interrupt), ...followers.map((follower) => follower.stopped)]);
  await Promise.all(followers.map((follower) => follower.stop()));
  return EXIT.interrupted;
}

async function watchDead(context: CliContext, options: Options, session: Session): Promise<number> {
  const [{ deadJson, deadLine }, { painter }, { ended }, { anyTopic }] = await Promise.all([
    import('./render/dead.js'),
    import('./render/colour.js'),
    import('../runtime/signals.js'),
    import('../kernel/topic-pattern.js'),
  ]);
  const { terminal } = context;
  const paint = painter(terminal.colour);
  const wanted = options.topic === undefined ? () => true : anyTopic([options.topic]);
  let shown = 0;
  const show = (batch: readonly LogEntry[]): void => {
    for (const entry of batch) {
      if (!wanted(entry.message.topic)) continue;
      shown += 1;
      terminal.out(options.json ? JSON.stringify(deadJson(entry)) : deadLine(entry, paint));
    }
  };
  const from: LogStart = options.since === undefined ? 'start' : { time: options.since };
  if (options.follow) {
    const follower = await session.bus.follow('dead', from, show);
    await Promise.race([ended(context.interrupt), follower.stopped]);
    await follower.stop();
    return EXIT.interrupted;
  }
  for await (const batch of session.bus.read('dead', from)) show(batch);
  if (shown === 0 && !options.json) terminal.note('no dead letters');
  return EXIT.ok;
}
