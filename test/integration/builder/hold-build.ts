/** A process that builds, for tests that kill it: arguments are the engine's host, the parent and the reference. */
import { openEngine } from '../../../src/builder/adapters/docker-engine.js';
import { requestOf } from './engine-fixture.js';

const [host = '', parent = '', reference = ''] = process.argv.slice(2);
const request = requestOf(`FROM ${parent}\nRUN echo begun; sleep 600`, reference, {
  onLine: (line) => process.stdout.write(`${line}\n`),
});
await openEngine({ host }).build(request, new AbortController().signal);
