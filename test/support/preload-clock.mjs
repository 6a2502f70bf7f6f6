/**
 * Preloaded by `node --import`: a wall clock that can be set from outside. From the start and with SIGUSR2 it goes as many
 * milliseconds ahead as the file `LAYERWRIGHT_TEST_CLOCK` says, and with the signal says so in a file beside it. Timers and
 * monotonic clocks go on.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const file = process.env['LAYERWRIGHT_TEST_CLOCK'] ?? '';
const RealDate = Date;
let ahead = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
const now = () => RealDate.now() + ahead;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, caller) => Reflect.construct(target, args.length === 0 ? [now()] : args, caller),
  apply: () => new RealDate(now()).toString(),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});

process.on('SIGUSR2', () => {
  ahead = Number(readFileSync(file, 'utf8'));
  writeFileSync(`${file}.set`, String(ahead));
});
