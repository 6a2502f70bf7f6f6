import type { Command } from 'commander';
import type { Explanation } from '../builder/index.js';
import { ServiceError } from '../kernel/service-error.js';
import type { Candidate, NotBuilt } from '../trigger/index.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import type { Session } from './session.js';

interface Options {
  readonly commit?: string;
  readonly json?: boolean;
}

/** `layerwright try REPOSITORY REF`: what a push there would do. */
export function tryCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('try')
      .summary('tell what a push would do; builds nothing')
      .description(
        'Tells what a push to a ref would do: component, target, NVR, parents and tags, or why it would do nothing. Fetches the source; builds, claims and publishes nothing.',
      )
      .argument('<repository>', 'namespace/name, or the clone URL')
      .argument('<ref>', 'branch, or tags/NAME')
      .option('--commit <id>', 'full commit; without it the head of the ref')
      .option(...JSON_OPTION)
      .action(
        act(context, (repository: string, ref: string, options: Options, command: Command) =>
          attempt(context, repository, ref, options, command),
        ),
      ),
    ['layerwright try container/httpd f41', 'layerwright try container/tools tags/v2 --json'],
  );
}

async function attempt(
  context: CliContext,
  repository: string,
  ref: string,
  options: Options,
  command: Command,
): Promise<number> {
  const [{ withSession }, { explainPush, findRepository }] = await Promise.all([
    import('./session.js'),
    import('../trigger/index.js'),
  ]);
  return withSession(context, command, async (session) => {
    const { trigger } = session.settings;
    const found = findRepository(trigger, repository);
    if (!found.ok) throw new ServiceError('usage', found.error);
    const commit = options.commit ?? (await headOf(found.value.repository.url, ref, session));
    const decision = explainPush(trigger, { repository, ref, commit });
    if (!decision.ok) throw new ServiceError('usage', decision.error);
    const { builds, notBuilt, refusal } = decision.value;
    if (refusal !== null) {
      context.terminal.out(
        options.json ? jsonLine({ builds: false, ...refusal }) : `nothing: ${refusal.reason} [${refusal.code}]`,
      );
      return EXIT.ok;
    }
    for (const candidate of builds) {
      const explanation = await explain(context, session, candidate);
      context.terminal.out(options.json ? wouldJson(candidate, explanation) : wouldText(candidate, explanation));
    }
    for (const each of notBuilt) context.terminal.out(options.json ? notJson(each) : notText(each));
    return EXIT.ok;
  });
}

async function headOf(url: string, ref: string, session: Session): Promise<string> {
  const git = await session.git();
  const head = (await git.lsRemote(url)).get(ref);
  if (head === undefined) throw new ServiceError('commit_missing', `${url} has no ${ref}`);
  return head;
}

/** The builder's own decisions on the build that the push would ask for. */
async function explain(context: CliContext, session: Session, candidate: Candidate): Promise<Explanation> {
  const [{ explainBuild }, { buildOf, pushCause }] = await Promise.all([
    import('../builder/index.js'),
    import('../trigger/index.js'),
  ]);
  const registries = new Map(
    await Promise.all(
      session.settings.registries.map(async ({ name }) => [name, await session.registry(name)] as const),
    ),
  );
  const parts = {
    bus: session.bus,
    ledger: await session.ledger(),
    git: await session.git(),
    registries,
    clock: context.clock,
  };
  const build = buildOf(candidate, { kind: 'official', release: null, cause: pushCause('try', null) });
  return explainBuild(session.settings.builder, parts, build, context.interrupt);
}

function wouldJson(candidate: Candidate, explanation: Explanation): string {
  return jsonLine({ builds: explanation.kind === 'would_build', ...placeOf(candidate), ...explanation });
}

function placeOf({ component, target, ref, commit, path }: Candidate): object {
  return { component, target, ref, commit, path };
}

function wouldText({ component, target, ref, commit, path }: Candidate, explanation: Explanation): string {
  const lines: [string, string][] = [
    ['component', component],
    ['target', target],
    ['source', `${ref} ${commit}${path === '' ? '' : ` ${path}/`}`],
  ];
  switch (explanation.kind) {
    case 'would_build':
      lines.push(
        ['builds', explanation.nvr],
        ['from', explanation.dockerfile],
        ...explanation.parents.map((parent): [string, string] => [
          'parent',
          `${parent.written} → ${parent.resolved}@${parent.digest}`,
        ]),
        ...explanation.tags.map((tag): [string, string] => [
          'tag',
          `${explanation.registry}/${explanation.repository}:${tag}`,
        ]),
      );
      break;
    case 'would_wait':
      lines.push(
        ['waits', explanation.message],
        ...explanation.waitingFor.map((parent): [string, string] => ['waits for', parent]),
      );
      break;
    case 'would_fail':
      lines.push(['fails', `${explanation.message} [${explanation.code}]`]);
  }
  return lines.map(([name, value]) => `${name.padEnd(10)} ${value}`).join('\n');
}

function notJson({ candidate, refusal }: NotBuilt): string {
  return jsonLine({ builds: false, ...placeOf(candidate), ...refusal });
}

function notText({ candidate, refusal }: NotBuilt): string {
  return `${candidate.component} ${candidate.target}: nothing: ${refusal.reason} [${refusal.code}]`;
}
