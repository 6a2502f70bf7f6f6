/** Sees builds go through their steps, from outside: by the log, the live lines and what the registry is asked. */
import type { Bus } from '../../src/bus/index.js';
import { isJsonObject, type JsonObject } from '../../src/kernel/json.js';
import type { Message } from '../../src/messages/index.js';
import { SERVICE_PREFIX } from '../support/service.js';
import type { Step } from './schedule.js';

/** A build that reached a step, as far as it is known; `process` is the id of whoever began it. */
export interface Sight {
  readonly build: string | null;
  readonly process: string | null;
}

interface Known {
  readonly component: string;
  readonly commit: string;
  process: string | null;
  ended: boolean;
}

const REQUEST_LINE = /^(GET|HEAD|PUT|POST) (\/v2\/\S+) HTTP\/1\.1\r\n/;
const UNIQUE_TAG = /\/manifests\/build-([0-9a-f-]{36})$/;

export class Watch {
  readonly #builds = new Map<string, Known>();
  readonly #ended = new Map<string, 'ended' | 'superseded'>();
  readonly #waiting = new Set<{ readonly steps: ReadonlySet<Step>; readonly resolve: (sight: Sight) => void }>();
  readonly #stops: (() => Promise<void>)[] = [];
  /** Why it sees nothing more; null while it does. */
  blind: string | null = null;

  async open(bus: Bus): Promise<void> {
    const follower = await bus.follow('ours', 'start', (batch) => {
      for (const { message } of batch) this.#onMessage(message);
    });
    follower.stopped.catch((thrown: unknown) => {
      this.blind = `the onlooker lost the log: ${String(thrown)}`;
    });
    this.#stops.push(() => follower.stop());
    const listener = await bus.listen([`${SERVICE_PREFIX}.container.build.output`], ({ body }) => {
      if (typeof body['build'] === 'string') this.#saw(['build'], body['build']);
    });
    this.#stops.push(() => listener.stop());
  }

  /** What the registry is asked, byte for byte. */
  readonly heard = (chunk: Buffer): void => {
    const [, method = '', path = ''] = REQUEST_LINE.exec(chunk.subarray(0, 1_000).toString('latin1')) ?? [];
    const unique = UNIQUE_TAG.exec(path)?.[1];
    if (unique !== undefined) this.#saw(method === 'PUT' ? ['tags'] : ['recall'], unique);
    else if (method === 'PUT' && path.endsWith('/manifests/latest')) this.#saw(['completed'], this.#latestOf(path));
    else if (method === 'POST' && path.includes('/blobs/uploads/')) this.#saw(['upload'], this.#latestOf(path));
  };

  pushed(): void {
    this.#saw(['push'], null);
  }

  /** The next build that reaches a step; null when none does in time. */
  next(step: Step, deadlineMs: number): Promise<Sight | null> {
    return new Promise((resolve) => {
      const waiting = { steps: new Set([step]), resolve: done };
      const late = setTimeout(() => done(null), deadlineMs);
      const waitings = this.#waiting;
      waitings.add(waiting);
      function done(sight: Sight | null): void {
        clearTimeout(late);
        waitings.delete(waiting);
        resolve(sight);
      }
    });
  }

  /** How a commit's build ended so far; null: it did not. */
  endOf(commit: string): 'ended' | 'superseded' | null {
    return this.#ended.get(commit) ?? null;
  }

  get builds(): readonly string[] {
    return [...this.#builds.keys()];
  }

  get processes(): readonly string[] {
    return [...new Set([...this.#builds.values()].flatMap(({ process }) => process ?? []))];
  }

  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0)) await stop();
  }

  #onMessage({ topic, body }: Message): void {
    const build = body['build'];
    const source = isJsonObject(build) ? build['source'] : null;
    if (!isJsonObject(build) || !isJsonObject(source)) return;
    const [id, component, commit] = [String(build['id']), String(build['component']), String(source['commit'])];
    const known = this.#builds.get(id) ?? { component, commit, process: null, ended: false };
    this.#builds.set(id, known);
    switch (topic.slice(`${SERVICE_PREFIX}.container.build.`.length)) {
      case 'requested':
        this.#saw(['claim', 'look'], id);
        return;
      case 'started':
        known.process = memberText(body['process'], 'id');
        this.#saw(['started', 'source', 'inspect'], id);
        return;
      case 'completed':
      case 'failed':
        this.#end(known, 'ended');
        return;
      case 'canceled':
        this.#end(known, memberText(body['reason'], 'code') === 'superseded' ? 'superseded' : 'ended');
    }
  }

  #end(known: Known, how: 'ended' | 'superseded'): void {
    known.ended = true;
    if (this.#ended.get(known.commit) !== 'ended') this.#ended.set(known.commit, how);
  }

  #saw(steps: readonly Step[], build: string | null): void {
    const sight = { build, process: build === null ? null : (this.#builds.get(build)?.process ?? null) };
    for (const waiting of [...this.#waiting]) if (steps.some((step) => waiting.steps.has(step))) waiting.resolve(sight);
  }

  /** The build that goes on in the repository of a path; the last one that was asked for. */
  #latestOf(path: string): string | null {
    const live = [...this.#builds].filter(([, { component, ended }]) => !ended && path.includes(`/${component}/`));
    return live.at(-1)?.[0] ?? null;
  }
}

function memberText(value: JsonObject[string] | undefined, name: string): string | null {
  const found = isJsonObject(value) ? value[name] : null;
  return typeof found === 'string' ? found : null;
}
