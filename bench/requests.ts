/** What a broker adds between a push message and the engine's build request: each bus in turn, in one run. */
import { makeVhost } from '../test/support/amqp-vhost.js';
import { startNatsServer } from '../test/support/nats-server.js';
import { ServiceFolder } from '../test/support/service.js';
import { requireAmqp, requireEngine, requireNatsServer, requireRegistry } from '../test/support/services.js';
import { EngineTap } from './engine-tap.js';
import { atMost, median, type Row, shown } from './figures.js';

const ROUNDS = 51;
/** Rounds before those: a service that runs for days is not measured by the first builds of its life. */
const WARM_UP = 5;
/** How much later the engine may be asked than on the embedded bus in the same round, in the middle of all rounds; milliseconds. */
const EXTRA_LIMIT_MS = 5;

interface Side {
  readonly kind: 'embedded' | 'amqp' | 'nats';
  readonly service: ServiceFolder;
  readonly times: number[];
}

type Closing = () => Promise<unknown>;

export async function requestRows(): Promise<readonly Row[]> {
  const [engine, registry] = [requireEngine(), requireRegistry()];
  if ([engine, registry, requireAmqp(), requireNatsServer()].some(({ skip }) => skip))
    throw new Error('run it by `npm run bench`, which starts what it needs');
  const closings: Closing[] = [];
  try {
    const tap = await EngineTap.open(engine.url.replace(/^unix:\/\//, ''));
    closings.unshift(() => tap.close());
    const vhost = await makeVhost();
    closings.unshift(() => vhost.remove());
    const nats = await startNatsServer();
    closings.unshift(() => nats.stop());
    const sides: Side[] = [];
    for (const [kind, bus] of [['embedded'], ['amqp', vhost.url], ['nats', nats.url]] as const) {
      const space = `bench-requests-${process.pid}-${kind}`;
      const place = bus === undefined ? {} : { bus };
      const service = await ServiceFolder.make({ engine: tap.url, registry: registry.url, space, ...place });
      closings.unshift(() => service.close());
      await service.start();
      sides.push({ kind, service, times: [] });
    }
    await inTurn(sides, tap);
    return rowsOf(sides);
  } finally {
    for (const close of closings) await close();
  }
}

/** Who begins takes turns. */
async function inTurn(sides: readonly Side[], tap: EngineTap): Promise<void> {
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
    const from = round % sides.length;
    for (const { kind, service, times } of [...sides.slice(from), ...sides.slice(0, from)]) {
      const files = { Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY file /\n', file: `${kind} ${round}\n` };
      const took = await tap.timeRequest(service, files);
      if (round >= WARM_UP) times.push(took);
    }
  }
}

/** Round by round: what the machine is busy with besides changes from one minute to the next, for all sides alike. */
function rowsOf(sides: readonly Side[]): Row[] {
  const embedded = sides.find(({ kind }) => kind === 'embedded')?.times ?? [];
  const extra = ({ times }: Side): number => median(times.map((ms, round) => ms - (embedded[round] ?? Number.NaN)));
  const brokers = sides.filter(({ kind }) => kind !== 'embedded');
  return [
    shown('engine_request.beside.embedded.p50_ms', median(embedded), 'ms'),
    ...brokers.map((side) => atMost(`engine_request.${side.kind}.extra_ms`, extra(side), 'ms', EXTRA_LIMIT_MS)),
  ];
}
