/** `scripts/chaos.mjs` runs this with the services' programs in its environment. The options are checked there. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { stopSignals } from '../../src/runtime/signals.js';
import { type ChaosOptions, chaos, verdictOf } from './run.js';

const [text = '{}', json = ''] = process.argv.slice(2);
const options = JSON.parse(text) as Omit<ChaosOptions, 'say' | 'signal'>;
const { stop } = stopSignals();
const report = await chaos({ ...options, say: (line) => console.log(line), signal: stop }).catch((thrown: unknown) => {
  console.error(thrown);
  // What is under way may not see that it is over: all that it could leave is gone.
  process.exit(1);
});
if (json !== '') {
  await mkdir(dirname(json), { recursive: true });
  await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
}
const { faults: _faults, ...counts } = report;
for (const [name, value] of Object.entries(counts)) console.log(`${name.padEnd(18)} ${JSON.stringify(value)}`);
const wrong = verdictOf(report, options.pushes);
for (const each of wrong) console.log(`✗ ${each}`);
console.log(wrong.length === 0 ? 'nothing lost, nothing doubled' : `${wrong.length} faults`);
process.exitCode = wrong.length === 0 ? 0 : 1;
