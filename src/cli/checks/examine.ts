import type { Command } from 'commander';
import type { Engine } from '../../builder/index.js';
import { openEngine } from '../../builder/index.js';
import { type Bus, openBus, placeOf } from '../../bus/index.js';
import { openGit } from '../../git/index.js';
import { ServiceError } from '../../kernel/service-error.js';
import { openLedger } from '../../ledger/index.js';
import { openRegistry, type Registry } from '../../registry/index.js';
import { Releasers } from '../../runtime/releasers.js';
import type { CliContext } from '../context.js';
import { loadSettings, type RoomSettings } from '../settings.js';
import { checkBus, checkQueues } from './bus.js';
import { checkEngine, checkPush } from './engine.js';
import { bounded, type Finding, faultOf, well } from './finding.js';
import { checkBuiltSource, checkGitProgram, checkSourceHost } from './git.js';
import { checkClock, checkFolder } from './machine.js';
import { checkRegistry, checkRetirement } from './registry.js';

/** Milliseconds that a check may take; a push moves an image. */
const CHECK_MS = 15_000;
/** A publish is tried for 15 s before the bus says why it is not taken. */
const BUS_MS = 25_000;
const PUSH_MS = 60_000;

/** All that the service needs, one finding after the other; what can't be looked at without an earlier one is left out. */
export async function* examine(context: CliContext, command: Command): AsyncGenerator<Finding> {
  let settings: RoomSettings;
  try {
    settings = await loadSettings(context, command);
  } catch (thrown) {
    if (!(thrown instanceof ServiceError)) throw thrown;
    yield faultOf('config', thrown);
    return;
  }
  yield well('config', `${settings.place.path ?? 'the built-in default'}, valid, ${settings.hash}`);
  const releasers = new Releasers();
  try {
    yield* examineRooms(context, settings, releasers);
  } finally {
    await releasers.release();
  }
}

async function* examineRooms(
  context: CliContext,
  settings: RoomSettings,
  releasers: Releasers,
): AsyncGenerator<Finding> {
  yield await bounded('folder', CHECK_MS, () => checkFolder(settings.state));
  yield await bounded('clock', CHECK_MS, () => checkClock(settings.registries[0]?.url ?? null, context.clock.now));
  let bus: Bus | null = null;
  const faults: Error[] = [];
  try {
    const opened = await openBus(settings.bus, settings.topology, { onFault: (error) => faults.push(error) });
    releasers.push('the bus', () => opened.close());
    bus = opened;
  } catch (thrown) {
    yield faultOf('bus', thrown);
  }
  if (bus !== null) {
    const open = bus;
    const said = (): Error | null => faults.at(-1) ?? null;
    const finding = await bounded('bus', BUS_MS, () =>
      checkBus(open, settings.prefix, placeOf(settings.bus), context.clock.now, said),
    );
    yield finding;
    yield* await findingsOf(open);
    // One that takes no messages can't say what is on its logs either, and would be waited for.
    if (finding.status === 'fault') bus = null;
    else yield await bounded('queues', CHECK_MS, () => checkQueues(open));
  }
  yield* examineImages(settings, releasers, context.interrupt);
  yield* examineSources(settings, releasers, bus);
}

/** What the engine of the bus says of itself. */
async function findingsOf(bus: Bus): Promise<readonly Finding[]> {
  try {
    return await bus.examine();
  } catch (thrown) {
    return [faultOf('bus', thrown)];
  }
}

async function* examineImages(
  settings: RoomSettings,
  releasers: Releasers,
  interrupt: AbortSignal,
): AsyncGenerator<Finding> {
  const engines = settings.builder.engines.map(({ host, platform }) => {
    const engine = openEngine({ host });
    releasers.push(`the engine ${host}`, () => engine.close());
    return { engine, platform };
  });
  const registries = settings.registries.map((each) => {
    const registry = openRegistry(each);
    releasers.push(`the registry ${each.name}`, () => registry.close());
    return registry;
  });
  const alive: { engine: Engine; platform: string }[] = [];
  for (const each of engines) {
    const finding = await bounded(`engine ${each.engine.host}`, CHECK_MS, () =>
      checkEngine(each.engine, each.platform),
    );
    if (finding.status !== 'fault') alive.push(each);
    yield finding;
  }
  const answering: Registry[] = [];
  for (const registry of registries) {
    const finding = await bounded(`registry ${registry.name}`, CHECK_MS, () => checkRegistry(registry));
    if (finding.status !== 'fault') answering.push(registry);
    yield finding;
  }
  const candidates = new Set(Object.values(settings.builder.targets).map(({ candidate }) => candidate));
  for (const registry of answering.filter(({ name }) => candidates.has(name))) {
    yield await bounded(`old tags of ${registry.name}`, CHECK_MS, () => checkRetirement(registry));
    for (const { engine, platform } of alive) {
      const engineHost = settings.builder.engineRegistryHosts[registry.name] ?? registry.host;
      const signal = AbortSignal.any([interrupt, AbortSignal.timeout(PUSH_MS)]);
      yield await bounded(`push to ${registry.name}`, PUSH_MS + CHECK_MS, () =>
        checkPush({ engine, platform, registry, engineHost, signal }),
      );
    }
  }
}

async function* examineSources(settings: RoomSettings, releasers: Releasers, bus: Bus | null): AsyncGenerator<Finding> {
  const program = await checkGitProgram();
  yield program;
  if (program.status === 'fault') return;
  for (const clone of new Set(settings.trigger.sources.map((source) => source.clone))) {
    yield await bounded(`source ${clone}`, CHECK_MS, () => checkSourceHost(clone));
  }
  if (bus === null) return;
  const ledger = await openLedger({ bus, prefix: settings.prefix, path: null });
  releasers.push('the ledger', () => ledger.close());
  await ledger.caughtUp();
  const [row] = ledger.builds({ states: ['completed'], limit: 1 });
  if (row === undefined) return;
  const git = openGit(settings.git);
  releasers.push('git', () => git.close());
  yield await bounded(`source ${row.source.repository}`, CHECK_MS, () => checkBuiltSource(git, row));
}
