/** A process that builds, for tests that kill it: arguments are the engine's host, the parent, the reference and a Dockerfile. */
import { openEngine } from '../../../src/builder/adapters/docker-engine.js';
import { requestOf } from './engine-fixture.js';

const [host = '', parent = '', reference = '', dockerfile = `FROM ${parent}\nRUN echo begun; sleep 600`] =
  process.argv.slice(2);
const request = requestOf(dockerfile, reference, {
  onLine: (line) => process.stdout.write(`${line}\n`),
});
await openEngine({ host }).build(request, new AbortController().signal);
