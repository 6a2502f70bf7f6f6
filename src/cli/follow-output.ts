import type { BuildRow } from '../ledger/index.js';
import type { Build } from '../messages/index.js';
import { type CliContext, EXIT } from './context.js';
import { followBuild } from './follow-build.js';
import { jsonLine } from './json.js';
import { readLog } from './read-log.js';
import { buildJson, failureLines, ranFor, reasonOf } from './render/build.js';
import { colourOfState, painter } from './render/colour.js';
import { duration, safe, safeOutput, shortId } from './render/text.js';
import type { Session } from './session.js';

export interface FollowOptions {
  readonly json: boolean;
  /** Asks for the builds; runs when everything listens. */
  readonly publish: () => Promise<void>;
}

/** Follows builds to their ends, output and all. The exit code is 1 when one of them made no image. */
export async function followAll(
  context: CliContext,
  session: Session,
  builds: readonly Pick<Build, 'id' | 'component' | 'target'>[],
  { json, publish }: FollowOptions,
): Promise<number> {
  let listening = 0;
  let asked: () => void = () => undefined;
  let broken: (error: unknown) => void = () => undefined;
  const published = new Promise<void>((resolve, reject) => {
    [asked, broken] = [resolve, reject];
  });
  published.catch(() => undefined);
  const prepare = async (): Promise<void> => {
    listening += 1;
    if (listening === builds.length) await publish().then(asked, broken);
    await published;
  };
  const several = builds.length > 1;
  const ends = await Promise.all(
    builds.map((each) =>
      followOne(context, session, each.id, { json, label: several ? each.component : null, prepare }),
    ),
  );
  if (ends.some((end) => end === null)) return EXIT.interrupted;
  return ends.every((end) => end?.state === 'completed') ? EXIT.ok : EXIT.failed;
}

interface OneOptions {
  readonly json: boolean;
  /** Put before each line where several builds are followed at one time. */
  readonly label: string | null;
  readonly prepare: () => Promise<void>;
}

async function followOne(
  context: CliContext,
  session: Session,
  build: string,
  { json, label, prepare }: OneOptions,
): Promise<BuildRow | null> {
  const { terminal } = context;
  const printer = new OutputPrinter(context, build, json, label);
  const paint = painter(terminal.colour);
  const onState = (row: BuildRow): void => {
    if (json) terminal.out(jsonLine({ build, state: row.state, attempt: row.startedAttempt, nvr: row.nvr }));
    else
      terminal.note(
        `${label === null ? '' : `${label}: `}${paint(colourOfState(row.state), row.state)} ${shortId(build)}`,
      );
  };
  const end = await followBuild(session, build, { onState, onLines: printer.print }, context.interrupt, prepare);
  if (end === null) {
    if (!json) terminal.note(`the build goes on; \`layerwright logs ${shortId(build)} --follow\` follows it again`);
    return null;
  }
  await printer.fill(end, session);
  terminal.out(json ? jsonLine({ build, end: buildJson(end) }) : ending(context, end));
  return end;
}

/** Prints lines of output once each, and in the end those that were missed. */
export class OutputPrinter {
  readonly #context: CliContext;
  readonly #build: string;
  readonly #json: boolean;
  readonly #label: string | null;
  #attempt = 0;
  #next = 0;
  #missed = false;

  constructor(context: CliContext, build: string, json: boolean, label: string | null) {
    this.#context = context;
    this.#build = build;
    this.#json = json;
    this.#label = label;
  }

  readonly print = (lines: readonly string[], first: number, attempt: number): void => {
    if (attempt !== this.#attempt) [this.#attempt, this.#next] = [attempt, 0];
    const fresh = lines.slice(Math.max(0, this.#next - first));
    if (fresh.length === 0) return;
    if (first > this.#next) this.#missed = true;
    this.#next = first + lines.length;
    this.#write(fresh, this.#next - fresh.length);
  };

  #write(lines: readonly string[], first: number): void {
    const { terminal } = this.#context;
    if (this.#json) {
      terminal.out(jsonLine({ build: this.#build, attempt: this.#attempt, first, lines }));
      return;
    }
    const label = this.#label === null ? '' : `${safe(this.#label)} | `;
    terminal.out(lines.map((line) => label + safeOutput(line, terminal.colour)).join('\n'));
  }

  /** After the end: the lines that did not come live, when the kept log has them. */
  async fill(row: BuildRow, session: Session): Promise<void> {
    const kept = await readLog(session, row).catch(() => null);
    if (kept === null) return;
    const attempt = row.startedAttempt;
    const known = attempt === this.#attempt ? this.#next : 0;
    if (this.#missed && !this.#json)
      this.#context.terminal.note('some lines did not come live; `layerwright logs` has all');
    const rest = kept.lines.slice(known);
    if (rest.length > 0) this.print(rest, known, attempt);
  }
}

/** How a build ended, for people: NVR and digest, or why not and what to do. */
function ending(context: CliContext, row: BuildRow): string {
  const paint = painter(context.terminal.colour);
  const ran = ranFor(row, context.clock.now());
  const name = safe(row.nvr ?? `${row.component} ${row.target}`);
  const took = ran === null ? '' : ` in ${duration(ran)}`;
  const head = `${name} ${paint(colourOfState(row.state), row.state)}${took}`;
  if (row.image !== null) return `${head}\n${row.image.digest}\n${row.image.references.map(safe).join('\n')}`;
  if (row.failure !== null) return [head, ...failureLines(row, paint)].join('\n');
  return `${head}: ${safe(reasonOf(row))}`;
}
