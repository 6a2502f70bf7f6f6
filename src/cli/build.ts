import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { messageId } from '../kernel/ids.js';
import { ServiceError } from '../kernel/service-error.js';
import type { Build } from '../messages/index.js';
import type { Place } from '../trigger/index.js';
import { agentOf } from './cancel.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import { parsePair } from './options.js';
import type { Session } from './session.js';

interface Options {
  readonly commit?: string;
  readonly target?: string;
  readonly ref?: string;
  readonly scratch?: boolean;
  readonly isolated?: string;
  readonly buildArg?: Readonly<Record<string, string>>;
  readonly reason?: string;
  readonly follow: boolean;
  readonly json?: boolean;
}

/** `layerwright build COMPONENT|REPOSITORY`: asks over the bus, follows the build, ends with its exit code. */
export function buildCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('build')
      .summary('ask for a build and follow it')
      .description(
        'Asks over the bus for a build, follows it, streams its output, and ends with its exit code: 0 an image is there, 1 it failed or was called off. Ctrl-C stops following, not the build.',
      )
      .argument('<what>', 'a component, a repository as namespace/name, or its clone URL')
      .option('--commit <id>', 'full commit; without it the head of the ref')
      .option('--target <name>', 'target, when several take the ref')
      .option('--ref <ref>', 'branch, or tags/NAME; without it the only one of the target')
      .option('--scratch', 'any commit, a unique tag only, updates and triggers nothing')
      .option('--isolated <release>', 'with this release; floating tags do not move')
      .option('--build-arg <name=value>', 'build argument, may be repeated', parsePair)
      .option('--reason <text>', 'kept with the build')
      .option('--follow', 'follow the build (what happens without this option as well)', true)
      .option('--no-follow', 'ask and end at once')
      .option(...JSON_OPTION)
      .action(
        act(context, (what: string, options: Options, command: Command) => build(context, what, options, command)),
      ),
    [
      'layerwright build httpd',
      'layerwright build container/httpd --target f41 --commit 3f1c…(40 digits)',
      'layerwright build httpd --scratch --ref my-branch --target f41',
      'layerwright build httpd --no-follow --json',
    ],
  );
}

async function build(context: CliContext, what: string, options: Options, command: Command): Promise<number> {
  if (options.scratch && options.isolated !== undefined) {
    throw new ServiceError('usage', 'a build is either --scratch or --isolated');
  }
  const { withSession } = await import('./session.js');
  return withSession(context, command, async (session) => {
    const builds = await wantedBuilds(context, what, options, session);
    if (options.follow) {
      const { followAll } = await import('./follow-output.js');
      return followAll(context, session, builds, {
        json: options.json ?? false,
        publish: () => request(context, session, builds),
      });
    }
    await request(context, session, builds);
    for (const { id, component, target } of builds) {
      context.terminal.out(options.json ? jsonLine({ build: id, component, target }) : `${id}  ${component} ${target}`);
    }
    return EXIT.ok;
  });
}

/** The builds that are meant, ids and all: several where a repository holds several images. */
async function wantedBuilds(
  context: CliContext,
  what: string,
  options: Options,
  session: Session,
): Promise<readonly Build[]> {
  const { findPlaces, requestBuild } = await import('../trigger/index.js');
  const kind = options.scratch ? 'scratch' : options.isolated === undefined ? 'official' : 'isolated';
  const query = { what, target: options.target ?? null, ref: options.ref ?? null, kind } as const;
  const places = findPlaces(session.settings.trigger, query);
  if (!places.ok) throw new ServiceError('usage', places.error);
  const builds: Build[] = [];
  for (const place of places.value) {
    const commit = options.commit ?? (await headOf(place, session));
    const asked = {
      kind,
      request: randomUUID(),
      release: options.isolated ?? null,
      agent: agentOf(context),
      reason: options.reason ?? null,
    } as const;
    const made = requestBuild({ ...place, buildArgs: { ...place.buildArgs, ...options.buildArg } }, commit, asked);
    if (!made.ok) throw new ServiceError('usage', made.error);
    builds.push(made.value);
  }
  return builds;
}

/** The commit that the ref's host shows now. Throws `source_unavailable`, `commit_missing`. */
async function headOf({ repository, ref }: Place, session: Session): Promise<string> {
  const git = await session.git();
  const heads = await git.lsRemote(repository.url);
  const head = heads.get(ref);
  if (head === undefined) throw new ServiceError('commit_missing', `${repository.url} has no ${ref}`);
  return head;
}

/** Publishes requests for builds, in the lane of people. Throws what the bus throws. */
export async function request(context: CliContext, session: Session, builds: readonly Build[]): Promise<void> {
  const { CATALOG, compose } = await import('../messages/index.js');
  for (const each of builds) {
    const message = compose({
      prefix: session.prefix,
      name: 'build.requested.v1',
      id: messageId(each.id, CATALOG['build.requested.v1'].topic, each.attempt),
      body: { build: each },
      now: context.clock.now(),
      containers: [each.component],
    });
    await session.bus.publish(message);
  }
}
