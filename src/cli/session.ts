import { join } from 'node:path';
import type { Command } from 'commander';
import type { Bus } from '../bus/index.js';
import type { Git } from '../git/index.js';
import { ServiceError } from '../kernel/service-error.js';
import type { Ledger } from '../ledger/index.js';
import type { Registry } from '../registry/index.js';
import { type Releasers, withReleasers } from '../runtime/releasers.js';
import { type CliContext, EXIT } from './context.js';
import { loadSettings, type RoomSettings } from './settings.js';

/** What a command works with: the configuration and, opened when they are asked for, the rooms. Closed with the command. */
export interface Session {
  readonly settings: RoomSettings;
  readonly prefix: string;
  readonly bus: Bus;
  /** A ledger that has folded all that was stored before. */
  ledger(): Promise<Ledger>;
  git(): Promise<Git>;
  /** By its name in the configuration. */
  registry(name: string): Promise<Registry>;
  /** Where a build's images live; null when the configuration has its target no more. */
  repositoryOf(build: { readonly component: string; readonly target: string }): {
    readonly registry: string;
    readonly repository: string;
  } | null;
}

/** Opens the bus that the configuration names, runs `body`, closes everything. */
export async function withSession(
  context: CliContext,
  command: Command,
  body: (session: Session) => Promise<number>,
): Promise<number> {
  const settings = await loadSettings(context, command);
  const faults: Error[] = [];
  const code = await withReleasers(async (releasers) => {
    const { openBus } = await import('../bus/index.js');
    const bus = await openBus(settings.bus, settings.topology, { onFault: (error) => faults.push(error) });
    releasers.push('the bus', () => bus.close());
    return body(new OpenSession(settings, bus, releasers));
  });
  // What a broker refuses after the call that it is about, as a message that no log keeps.
  const refused = faults.find((error) => error instanceof ServiceError && error.code === 'bus_denied');
  if (code === EXIT.ok && refused !== undefined) throw refused;
  return code;
}

class OpenSession implements Session {
  readonly settings: RoomSettings;
  readonly prefix: string;
  readonly bus: Bus;
  readonly #releasers: Releasers;
  #ledger: Promise<Ledger> | null = null;
  #git: Promise<Git> | null = null;
  readonly #registries = new Map<string, Promise<Registry>>();

  constructor(settings: RoomSettings, bus: Bus, releasers: Releasers) {
    this.settings = settings;
    this.prefix = settings.prefix;
    this.bus = bus;
    this.#releasers = releasers;
  }

  async ledger(): Promise<Ledger> {
    this.#ledger ??= openOwnLedger(this.settings, this.bus, this.#releasers);
    const ledger = await this.#ledger;
    await ledger.caughtUp();
    return ledger;
  }

  git(): Promise<Git> {
    this.#git ??= import('../git/index.js').then(({ openGit }) => {
      const git = openGit(this.settings.git);
      this.#releasers.push('git', () => git.close());
      return git;
    });
    return this.#git;
  }

  registry(name: string): Promise<Registry> {
    const known = this.#registries.get(name);
    if (known !== undefined) return known;
    const opening = import('../registry/index.js').then(({ openRegistry }) => {
      const settings = this.settings.registries.find((each) => each.name === name);
      if (settings === undefined) throw new ServiceError('usage', `the configuration has no registry ${name}`);
      const registry = openRegistry(settings);
      this.#releasers.push(`the registry ${name}`, () => registry.close());
      return registry;
    });
    this.#registries.set(name, opening);
    return opening;
  }

  repositoryOf({ component, target }: { readonly component: string; readonly target: string }): {
    readonly registry: string;
    readonly repository: string;
  } | null {
    const found = this.settings.builder.targets[target];
    if (found === undefined) return null;
    return { registry: found.candidate, repository: found.repository.replaceAll('{component}', component) };
  }
}

/**
 * The command line's own ledger file, so that a question to a long log is answered at once; in memory where the file
 * can't be had (another command has it, or the folder is another user's).
 */
async function openOwnLedger(settings: RoomSettings, bus: Bus, releasers: Releasers): Promise<Ledger> {
  const { openLedger } = await import('../ledger/index.js');
  const open = async (path: string | null): Promise<Ledger> => openLedger({ bus, prefix: settings.prefix, path });
  let ledger: Ledger;
  try {
    ledger = await open(join(settings.state, 'ledger-cli.db'));
  } catch (thrown) {
    if (!(thrown instanceof ServiceError) || thrown.code !== 'ledger_unavailable') throw thrown;
    ledger = await open(null);
  }
  releasers.push('the ledger', () => ledger.close());
  return ledger;
}
