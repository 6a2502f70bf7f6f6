/** What a decision about rebuilds costs: 10,000 components, a wave that goes through all of them, a look at every single end of a build. */
import { openLedger } from '../src/ledger/index.js';
import type { Build, Parent } from '../src/messages/index.js';
import { buildOfRebuild, Picture, WavePlanner } from '../src/rebuilds/index.js';
import { fakeBus } from '../test/support/fake-bus.js';
import {
  completed,
  PREFIX,
  requested,
  requestedCascade,
  SAMPLE_PROCESS,
  sampleBuild,
  sampleCommit,
  sampleImage,
  sampleMessage,
  withNvr,
} from '../test/support/samples.js';
import { atMost, type Row, shown } from './figures.js';

const LIMIT_MS = 0.2;
const COMPONENTS = 10_000;
const LEVELS = 10;
const WIDTH = COMPONENTS / LEVELS;

/** Of each component what it stands on: one of the level below, every third on two, every tenth on the base as well. */
function stack(): ReadonlyMap<string, readonly string[]> {
  const parents = new Map<string, readonly string[]>([['base', []]]);
  for (let at = 0; at < COMPONENTS; at += 1) {
    const below = [...(at % 3 === 0 ? [at, at * 7 + 3] : [at])].map((one) =>
      at < WIDTH ? 'base' : `c${Math.floor(at / WIDTH) * WIDTH - WIDTH + (one % WIDTH)}`,
    );
    parents.set(`c${at}`, [...new Set([...below, ...(at % 10 === 0 ? ['base'] : [])])]);
  }
  return parents;
}

export async function plannerRows(): Promise<readonly Row[]> {
  const parents = stack();
  const bus = fakeBus();
  const ledger = await openLedger({ bus, prefix: PREFIX, path: null });
  const last = new Map<string, Build>();
  const nameOf = (component: string): string => `candidate.example.org/f41/${component}:latest`;
  const end = async (build: Build): Promise<void> => {
    last.set(build.component, build);
    const stands = (parents.get(build.component) ?? []).flatMap((parent): Parent[] => {
      const on = last.get(parent);
      if (on === undefined) return [];
      return [{ written: parent, resolved: nameOf(parent), digest: sampleImage(on).digest, build: on.id }];
    });
    await bus.publish(
      completed(withNvr(build, '1', build.id.slice(0, 8)), {
        image: { ...sampleImage(build), references: [nameOf(build.component)] },
        parents: stands,
      }),
    );
  };
  for (const component of parents.keys()) {
    const build = sampleBuild({ component });
    await bus.publish(requested(build));
    await end(build);
  }
  await ledger.caughtUp();

  const begun = performance.now();
  const picture = new Picture(
    timed(ledger, (ms) => (spent += ms)),
    { isOut: () => false, scheduleMs: () => null },
  );
  const planner = new WavePlanner({ quietMs: 0, deadlineMs: 0 });
  let [spent, looks, events, moved] = [0, 0, 0, true];
  const queue: Build[] = [];
  const look = async (): Promise<boolean> => {
    await ledger.caughtUp();
    const from = performance.now();
    const { view, changed } = picture.look(moved);
    const now = { wall: Date.now(), monotonic: from };
    const { asks, openings, closings } = planner.plan(view, changed, now);
    spent += performance.now() - from;
    looks += 1;
    moved = openings.length + closings.length > 0;
    for (const opening of openings)
      await bus.publish(sampleMessage('wave.opened.v1', { ...opening, process: SAMPLE_PROCESS }));
    for (const { wave, rebuild } of asks) {
      const build = buildOfRebuild(wave.id, wave.openedBy, rebuild);
      await bus.publish(requestedCascade(build));
      queue.push(build);
      events += 1;
    }
    for (const { wave, results } of closings) {
      const { id, message, rebuild } = wave;
      await bus.publish(
        sampleMessage('wave.closed.v1', { wave: { id, message, rebuild }, results, process: SAMPLE_PROCESS }),
      );
    }
    return asks.length + openings.length + closings.length > 0;
  };
  await look();
  const firstMs = performance.now() - begun;
  [spent, looks] = [0, 0];

  const anew = sampleBuild({ component: 'base', source: { commit: sampleCommit('anew') } });
  await bus.publish(requested(anew));
  await end(anew);
  while (await look());
  for (let build = queue.shift(); build !== undefined; build = queue.shift()) {
    await end(build);
    events += 1;
    while (await look());
  }
  picture.close();
  await ledger.close();
  await bus.close();
  if (events !== 2 * COMPONENTS) throw new Error(`${events} events of ${2 * COMPONENTS}`);
  return [
    atMost('planner.decision_ms_per_event', spent / events, 'ms', LIMIT_MS),
    shown('planner.first_look_ms', firstMs, 'ms'),
    shown('planner.looks', looks, 'looks'),
  ];
}

/** The ledger, with what its listeners take of the time. */
function timed(ledger: Awaited<ReturnType<typeof openLedger>>, took: (ms: number) => void): typeof ledger {
  return new Proxy(ledger, {
    get: (target, key) => {
      if (key !== 'onChange') {
        const value = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return (listener: Parameters<typeof ledger.onChange>[0]) =>
        target.onChange((rows) => {
          const from = performance.now();
          listener(rows);
          took(performance.now() - from);
        });
    },
  });
}
