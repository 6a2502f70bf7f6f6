// Writes what follows from schemas/: src/*/generated and the keys in docs/configuration.md. `--check` writes nothing and fails when a file is stale.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';
import { configFiles } from './lib/generate-config.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const schemas = join(root, 'schemas/messages');
const check = process.argv.includes('--check');

/**
 * `build.requested.v1.json` gives `BuildRequestedV1`.
 * @param {string} file
 */
function typeName(file) {
  return file
    .replace(/\.json$/, '')
    .split(/[._-]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/** @returns {Promise<[string, any][]>} file name and schema */
async function readSchemas() {
  const files = (await readdir(schemas)).filter((file) => file.endsWith('.json')).sort();
  return Promise.all(files.map(async (file) => [file, JSON.parse(await readFile(join(schemas, file), 'utf8'))]));
}

/**
 * One schema with every message and every shared part as a definition, so that each type is written once.
 * @param {[string, any][]} entries
 */
function bundle(entries) {
  const common = entries.find(([file]) => file === 'common.v1.json')?.[1];
  const messages = entries.filter(([file]) => file !== 'common.v1.json');
  const inward = (/** @type {object} */ value) =>
    JSON.parse(JSON.stringify(value).replaceAll('"common.v1.json#/$defs/', '"#/$defs/'), (key, inner) =>
      // Bounds are ajv's business (the generator makes tuples of them); our own types name no unknown members.
      key === 'maxItems' ? undefined : key === 'additionalProperties' && inner === true ? false : inner,
    );
  const defs = Object.fromEntries([
    ...Object.entries(common.$defs),
    ...messages.map(([file, { $schema, $id, title, ...schema }]) => [
      typeName(file),
      { ...schema, description: title },
    ]),
  ]);
  return inward({
    $defs: defs,
    title: 'MessageBodies',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(
      messages.map(([file]) => [file.replace(/\.json$/, ''), { $ref: `#/$defs/${typeName(file)}` }]),
    ),
    required: messages.map(([file]) => file.replace(/\.json$/, '')),
    description: 'Every message body of ours, by the name of its schema.',
  });
}

const entries = await readSchemas();
const types = await compile(bundle(entries), 'MessageBodies', {
  bannerComment: '// Generated from schemas/messages by `npm run generate`; not edited by hand.',
  additionalProperties: false,
  style: { singleQuote: true, printWidth: 120 },
});
const literal = `// Generated from schemas/messages by \`npm run generate\`; not edited by hand.
import type { JsonObject } from '../../kernel/json.js';

/** The schemas themselves, by file name without \`.json\`. */
export const SCHEMAS: Readonly<Record<string, JsonObject>> = ${JSON.stringify(
  Object.fromEntries(entries.map(([file, schema]) => [file.replace(/\.json$/, ''), schema])),
  null,
  2,
)};
`;

const stale = [];
for (const room of ['messages', 'config']) await mkdir(join(root, `src/${room}/generated`), { recursive: true });
for (const [path, content] of Object.entries({
  'src/messages/generated/bodies.ts': types,
  'src/messages/generated/schemas.ts': literal,
  ...(await configFiles(root)),
})) {
  const now = await readFile(join(root, path), 'utf8').catch(() => '');
  if (now === content) continue;
  stale.push(path);
  if (!check) await writeFile(join(root, path), content);
}
if (check && stale.length > 0) {
  console.error(`stale: ${stale.join(', ')}; run \`npm run generate\``);
  process.exit(1);
}
console.log(stale.length === 0 ? 'generated files are up to date' : `wrote ${stale.join(', ')}`);
