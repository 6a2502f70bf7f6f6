/** Reconcile's look at heads: the service's own, over the git host of a world. */
import type { Bus } from '../../src/bus/index.js';
import type { Message } from '../../src/messages/index.js';
import { lookAtHeads } from '../../src/planner/reconcile/heads.js';
import { noMemory } from '../../src/planner/reconcile/index.js';
import { buildOf, explainPush } from '../../src/trigger/index.js';
import { triggerSettings } from '../simulation/pushes.js';
import { PREFIX } from '../support/samples.js';
import type { World } from './world.js';

const CAUSE = {
  type: 'reconcile' as const,
  ...{ key: '', message: null, wave: null, agent: null, reason: null, parents: null },
};

/** Asks for the heads whose push nobody heard; `dryRun`: only says which. Resolves with the ids of their builds. */
export async function reconcile(world: World, dryRun = false): Promise<readonly string[]> {
  const { random } = Math;
  // It begins with another repository each time; a simulation is the same each time.
  Math.random = () => 0;
  try {
    return await look(world, dryRun);
  } finally {
    Math.random = random;
  }
}

async function look(world: World, dryRun: boolean): Promise<readonly string[]> {
  const { ledger, outside, events } = world;
  const settings = triggerSettings(false, 0);
  const found: string[] = [];
  const repositories = new Map([...outside.specs.keys()].map((component) => [repositoryOf(component), component]));
  const away = async (): Promise<never> => {
    throw new Error('reconcile asks for nothing else');
  };
  await lookAtHeads(
    {
      bus: { publish: async (message: Message) => world.publish(message) } as unknown as Bus,
      ...{ ledger, prefix: PREFIX, isOut: ({ component }) => outside.spec(component).isOut },
      clock: { now: () => world.wall(), monotonic: () => events.now },
      ports: {
        git: {
          lsRemote: async (url) => {
            const head = outside.head(repositories.get(url) ?? '');
            return new Map(head === null ? [] : [['f41', head.id]]);
          },
        },
        wantedOf: (head, push) => {
          const decision = explainPush(settings, head, push);
          if (!decision.ok) throw new Error(decision.error);
          return decision.value.builds.map((each) => buildOf(each, { kind: 'official', release: null, cause: CAUSE }));
        },
        changes: { between: away },
        configured: [...repositories].map(([repository, component]) => ({ component, repository })),
        registries: [],
      },
    },
    {
      ...{ scope: { components: null, target: null }, dryRun, memory: noMemory() },
      signal: new AbortController().signal,
      graph: () => {
        throw new Error('heads have no need of the graph');
      },
      onFinding: (finding) => {
        if (finding.kind === 'fault') throw new Error(`${finding.place}: ${finding.reason}`);
        if (finding.kind === 'head') found.push(finding.build);
      },
    },
  );
  return found;
}

function repositoryOf(component: string): string {
  return `https://src.example.org/container/${component}.git`;
}
