import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import { parseCount } from './options.js';

interface Options {
  readonly reason?: string;
  readonly wait: boolean;
  readonly timeout: number;
  readonly json?: boolean;
}

const DEFAULT_TIMEOUT_S = 60;

/** `layerwright cancel BUILD`: publishes the command, waits for the build's end. */
export function cancelCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('cancel')
      .summary('call a build off')
      .description(
        'Asks over the bus that a build be called off, and waits until it has ended. Exits with 1 when it ended otherwise.',
      )
      .argument('<build>', 'an NVR, an id or its first 6 characters, or a component (its newest build)')
      .option('--reason <text>', 'kept with the build')
      .option('--no-wait', 'do not wait for its end')
      .option('--timeout <seconds>', 'wait at most this long', parseCount, DEFAULT_TIMEOUT_S)
      .option(...JSON_OPTION)
      .action(
        act(context, (text: string, options: Options, command: Command) => cancel(context, text, options, command)),
      ),
    ['layerwright cancel 1a2b3c4d --reason "wrong branch"', 'layerwright cancel httpd --no-wait'],
  );
}

async function cancel(context: CliContext, text: string, options: Options, command: Command): Promise<number> {
  const [{ withSession }, { findBuild }, { compose }, { followBuild }, { buildJson }] = await Promise.all([
    import('./session.js'),
    import('./find-build.js'),
    import('../messages/index.js'),
    import('./follow-build.js'),
    import('./render/build.js'),
  ]);
  return withSession(context, command, async (session) => {
    const { terminal, clock } = context;
    const ledger = await session.ledger();
    const row = findBuild(ledger, text);
    if (row.ended) {
      terminal.note(`${row.nvr ?? row.id} has ended already: ${row.state}`);
      return row.state === 'canceled' ? EXIT.ok : EXIT.failed;
    }
    const body = { build: row.id, agent: agentOf(context), reason: options.reason ?? null };
    const parts = {
      prefix: session.prefix,
      name: 'build.cancel.v1',
      id: randomUUID(),
      body,
      now: clock.now(),
    } as const;
    await session.bus.publish(compose({ ...parts, containers: [row.component] }));
    if (!options.wait) {
      terminal.out(options.json ? jsonLine({ build: row.id, asked: true }) : `asked to cancel ${row.id}`);
      return EXIT.ok;
    }
    const bound = AbortSignal.any([context.interrupt, AbortSignal.timeout(options.timeout * 1_000)]);
    const end = await followBuild(session, row.id, {}, bound);
    if (end === null) return late(context, row.id, options.timeout);
    if (options.json) terminal.out(jsonLine(buildJson(end)));
    else terminal.out(`${end.nvr ?? end.id} ${end.state}${end.state === 'canceled' ? '' : ': it was too late'}`);
    return end.state === 'canceled' ? EXIT.ok : EXIT.failed;
  });
}

function late(context: CliContext, build: string, seconds: number): number {
  if (context.interrupt.aborted) return EXIT.interrupted;
  context.terminal.note(
    `layerwright: ${build} has not ended within ${seconds} s; the command stays on the bus (is a builder running?)`,
  );
  return EXIT.unavailable;
}

/** Who asks, as `user@host` would say it; the variable is for robots. */
export function agentOf({ env }: Pick<CliContext, 'env'>): string | null {
  const named = env['LAYERWRIGHT_AGENT'];
  if (named) return named;
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}
