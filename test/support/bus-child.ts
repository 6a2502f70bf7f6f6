/**
 * A process of its own on a bus, driven by lines of JSON on its input; what happens it says in lines of JSON. It is there
 * to be killed and paused.
 */
import { createInterface } from 'node:readline';
import { type BusSettings, type Claim, openBus, type Topology, type Verdict } from '../../src/bus/index.js';
import type { Message } from '../../src/messages/index.js';

export interface ChildSetup {
  readonly settings: BusSettings;
  readonly topology: Topology;
}

export type ChildCommand =
  | { readonly do: 'publish'; readonly messages: readonly Message[] }
  /** Takes messages and holds them until a `verdict` comes. */
  | { readonly do: 'consume'; readonly group: string; readonly slots: number }
  | { readonly do: 'verdict'; readonly verdict: Verdict }
  | { readonly do: 'claim'; readonly key: string; readonly by: string }
  | { readonly do: 'verify'; readonly key: string }
  | { readonly do: 'close' };

export type ChildEvent =
  | { readonly is: 'ready' | 'closed' }
  | { readonly is: 'published' | 'took'; readonly id: string }
  | { readonly is: 'claimed'; readonly key: string; readonly taken: boolean }
  | { readonly is: 'verified'; readonly key: string; readonly held: boolean }
  | { readonly is: 'lost'; readonly key: string };

async function main(setup: ChildSetup): Promise<void> {
  const bus = await openBus(setup.settings, setup.topology);
  const claims = new Map<string, Claim>();
  const verdicts: ((verdict: Verdict) => void)[] = [];

  const obey = async (command: ChildCommand): Promise<void> => {
    switch (command.do) {
      case 'publish':
        await Promise.all(
          command.messages.map(async (message) => {
            await bus.publish(message);
            say({ is: 'published', id: message.id });
          }),
        );
        return;
      case 'consume':
        await bus.consume(
          command.group,
          async ({ message }) => {
            say({ is: 'took', id: message.id });
            return new Promise<Verdict>((resolve) => verdicts.push(resolve));
          },
          { slots: command.slots },
        );
        return;
      case 'verdict':
        verdicts.shift()?.(command.verdict);
        return;
      case 'claim': {
        const claim = await bus.claim(command.key, command.by);
        claim?.lost.addEventListener('abort', () => say({ is: 'lost', key: command.key }));
        if (claim !== null) claims.set(command.key, claim);
        say({ is: 'claimed', key: command.key, taken: claim !== null });
        return;
      }
      case 'verify':
        say({ is: 'verified', key: command.key, held: (await claims.get(command.key)?.verify()) ?? false });
        return;
      case 'close':
        await bus.close();
        say({ is: 'closed' });
        process.exit(0);
    }
  };
  createInterface({ input: process.stdin }).on('line', (line) => {
    obey(JSON.parse(line) as ChildCommand).catch((fault: unknown) => {
      console.error(fault);
      process.exit(1);
    });
  });
  say({ is: 'ready' });
}

function say(event: ChildEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

await main(JSON.parse(process.argv[2] ?? '') as ChildSetup);
