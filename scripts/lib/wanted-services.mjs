// Which services a set of test files asks for: services cost seconds, and only what a file names is started.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** The file that reads the variables; it names them all. */
const DOOR = 'test/support/services.ts';

/** What a service that is asked for needs besides. */
const ALSO = Object.freeze({
  DAEMON: ['ENGINE'],
  AMQP_MANAGEMENT: ['AMQP'],
  ENGINE: ['REGISTRY'],
  PODMAN: ['REGISTRY'],
  ROOTLESS_PODMAN: ['REGISTRY'],
});

/**
 * @param {readonly string[]} files relative to `root`
 * @param {string} root
 * @returns {Set<string>} names as the variables have them after LAYERWRIGHT_TEST_: `ENGINE`, `AMQP`, …
 */
export function wantedServices(files, root) {
  const functions = doorFunctions(readFileSync(join(root, DOOR), 'utf8'));
  /** @type {Set<string>} */
  const wanted = new Set();
  const seen = new Set([DOOR]);
  const queue = [...files];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file) || !existsSync(join(root, file))) continue;
    seen.add(file);
    const text = readFileSync(join(root, file), 'utf8');
    for (const [word] of text.matchAll(/\brequire[A-Z]\w*\b/g))
      if (functions.has(word)) want(functions.get(word) ?? '');
    for (const [, name] of text.matchAll(/LAYERWRIGHT_TEST_([A-Z_]+)/g)) want(name ?? '');
    for (const [, path] of text.matchAll(/(?:from|import) '(\.[^']+)\.js'/g))
      queue.push(normalize(join(dirname(file), `${path}.ts`)));
  }
  return wanted;

  /** @param {string} name */
  function want(name) {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const other of ALSO[/** @type {keyof typeof ALSO} */ (name)] ?? []) want(other);
  }
}

/**
 * The functions of the door, with the variable that each reads.
 * @param {string} text
 */
function doorFunctions(text) {
  return new Map(
    [
      ...text.matchAll(/export function (require\w+)\(\)[^{]*\{\s*return service\(\s*'LAYERWRIGHT_TEST_([A-Z_]+)'/g),
    ].map(([, name = '', variable = '']) => [name, variable]),
  );
}
