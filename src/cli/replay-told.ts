import type { Entry, Plan, SourceTold } from '../replay/index.js';
import type { CliContext } from './context.js';
import { jsonLine } from './json.js';
import { painter } from './render/colour.js';
import { entryJson, entryLines } from './render/replay.js';
import { duration, safe } from './render/text.js';

/** Milliseconds between two lines of progress. */
const PROGRESS_MS = 5_000;

/** What the command prints: results to standard output, faults and progress to standard error. */
export class ReplayTold implements SourceTold {
  readonly #context: CliContext;
  readonly #json: boolean;
  #begun: number;
  #spoken: number;
  #doing = '';
  /** Builds that what was sent asks for. */
  #builds = 0;
  /** Lines and rows that are no messages. */
  faults = 0;

  constructor(context: CliContext, json: boolean) {
    this.#context = context;
    this.#json = json;
    this.#begun = context.clock.monotonic();
    this.#spoken = this.#begun;
  }

  bad(where: string, reason: string): void {
    this.faults += 1;
    this.#context.terminal.note(`layerwright: ${where} ${safe(reason)}`);
  }

  note(text: string): void {
    this.#context.terminal.note(`layerwright: ${safe(text)}`);
  }

  /** `done` of `all` (null: nobody knows), at most once in a while. */
  progress(what: string, done: number, all: number | null, place: Entry | null): void {
    const now = this.#context.clock.monotonic();
    if (what !== this.#doing) {
      this.#doing = what;
      this.#begun = now;
    }
    if (now - this.#spoken < PROGRESS_MS) return;
    this.#spoken = now;
    const rate = Math.round((done * 1_000) / (now - this.#begun));
    const rest = all === null ? '' : ` of ${all}, about ${duration(((all - done) * 1_000) / Math.max(rate, 1))} more`;
    this.#context.terminal.note(`${what} ${done}${rest}, ${rate} a second${place === null ? '' : `, at ${place.id}`}`);
  }

  /** `sent`: null in a dry run. */
  entry(entry: Entry, sent: boolean | null, fault: string | null = null): void {
    const { terminal } = this.#context;
    if (sent) this.#builds += willBuild(entry);
    if (this.#json) {
      terminal.out(jsonLine(entryJson(entry, sent, fault)));
      return;
    }
    const tense = sent === null ? 'would' : 'does';
    for (const line of entryLines(entry, tense, painter(terminal.colour))) terminal.out(line);
    if (fault !== null) terminal.note(`layerwright: ${entry.id} was not sent: ${safe(fault)}`);
  }

  /** `sent`: messages; null in a dry run. */
  sum(plan: Plan, run: string, sent: number | null, failed: number): void {
    const { terminal } = this.#context;
    const to = plan.entries.filter(({ action }) => action !== 'none');
    const builds = sent === null ? to.reduce((all, entry) => all + willBuild(entry), 0) : this.#builds;
    const told = [...plan.told].sort(([a], [b]) => (a < b ? -1 : 1));
    if (this.#json) {
      const not = plan.entries.length - to.length;
      const sum = { replay: run, to_send: to.length, sent, failed, builds, not, told: Object.fromEntries(told) };
      terminal.out(jsonLine({ sum: { ...sum, bad: this.faults } }));
      return;
    }
    for (const [what, times] of told) terminal.out(`not  ${times} × ${what}`);
    const begins =
      sent === null
        ? `${count(to.length)} would be sent`
        : `${count(sent)} sent${failed > 0 ? `, ${failed} could not be` : ''}`;
    terminal.out(
      `${begins}; ${builds === 1 ? '1 build' : `${builds} builds`} ${sent === null ? 'would be ' : ''}asked for`,
    );
  }
}

function willBuild({ builds }: Entry): number {
  return builds.filter(({ will }) => will).length;
}

function count(messages: number): string {
  return messages === 1 ? '1 message' : `${messages} messages`;
}
