// `npm run test:cluster -- --bus amqp|nats`: kills the nodes of a cluster one by one, for long, and counts what is lost.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCluster } from './lib/clusters.mjs';
import { checkNode, installPackages } from './lib/dependencies.mjs';
import { main, parseOrExplain } from './lib/main.mjs';
import { count, writeReport } from './lib/options.mjs';
import { atEnd } from './lib/processes.mjs';
import { EXIT, stateDir } from './lib/project.mjs';
import { Fault, palette, say, seconds, step } from './lib/say.mjs';

const USAGE = `npm run test:cluster -- --bus amqp|nats [OPTIONS]

Starts three brokers as one cluster, publishes, handles and follows messages and holds a claim there, kills a node
again and again, and counts. Ends with 1 when a message was lost or a claim was held twice.

  --bus amqp|nats   RabbitMQ or NATS
  --messages N      at least so many (default 10000)
  --kills K         so many times (default 10)
  --seed S          which nodes, and for how long, follows from it (default: the time)
  --json FILE       writes the report
  --no-install      fetches no program that is missing
  --help
`;

await main(async () => {
  const { values } = parseOrExplain(USAGE, () =>
    parseArgs({
      options: {
        bus: { type: 'string' },
        messages: { type: 'string', default: '10000' },
        kills: { type: 'string', default: '10' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        json: { type: 'string' },
        'no-install': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }),
  );
  const kind = values['bus'];
  if (kind !== 'amqp' && kind !== 'nats')
    throw new Fault('--bus says which cluster: amqp or nats.', EXIT.usage, ['npm run test:cluster -- --bus nats']);
  const options = { messages: count(values, 'messages'), kills: count(values, 'kills'), seed: count(values, 'seed') };
  checkNode();
  await installPackages();
  // The drill is written in TypeScript, and shared with the short test.
  const { tsImport } = await import('tsx/esm/api');
  /** @type {typeof import('../test/support/cluster-drill.js')} */
  const { drill } = await tsImport('../test/support/cluster-drill.ts', import.meta.url);

  const dir = join(stateDir, 'cluster', kind);
  atEnd(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  step(`starting three ${kind === 'amqp' ? 'RabbitMQ nodes' : 'NATS servers'}; seed ${options.seed}`);
  const cluster = await startCluster(kind, { dir, install: values['no-install'] !== true });
  const report = await drill(cluster, { ...options, say: step });
  await cluster.stop();
  writeReport(values, { bus: kind, ...options, ...report });
  return conclude(report);
});

/** @param {import('../test/support/cluster-drill.js').DrillReport} report */
function conclude(report) {
  const { green, red } = palette();
  const { publishing, handling } = report.longestGapMs;
  const rows = {
    published: report.published,
    confirmed: report.confirmed,
    refused: `${report.refused}${report.refusals.length > 0 ? ` (${report.refusals.join(', ')})` : ''}`,
    handled: report.handled,
    duplicates: `${report.duplicates} handled, ${report.storedTwice} stored`,
    lost: report.lost.length,
    'longest gap': `${seconds(publishing)} without a publish, ${seconds(handling)} without a message handled`,
    'claim away': `${seconds(Math.max(0, ...report.claimAwayMs))} at most`,
    'connections broke': report.breaks,
    took: seconds(report.durationMs),
  };
  for (const [name, value] of Object.entries(rows)) say(`${name.padEnd(18)} ${value}`);
  const faults = [
    ...(report.lost.length > 0 ? [`lost: ${report.lost.slice(0, 20).join(' ')}`] : []),
    ...(report.outOfOrder.length > 0 ? [`not in order on the log: ${report.outOfOrder.slice(0, 20).join(' ')}`] : []),
    ...(report.followerFault === null ? [] : [report.followerFault]),
    ...(report.deadLetters > 0 ? [`${report.deadLetters} dead letters`] : []),
    ...(report.heldTwice > 0 ? [`the claim was held twice, ${report.heldTwice} times`] : []),
  ];
  for (const fault of faults) say(`${red('✗')} ${fault}`);
  say(faults.length === 0 ? green('nothing was lost') : red(`${faults.length} faults`));
  return faults.length === 0 ? EXIT.ok : EXIT.failed;
}
