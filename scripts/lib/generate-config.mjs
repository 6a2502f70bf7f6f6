// What follows from schemas/config: the types and the schema as code, and the keys in docs/configuration.md.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compile } from 'json-schema-to-typescript';

const BANNER = '// Generated from schemas/config by `npm run generate`; not edited by hand.';
const BEGIN = '<!-- keys: generated from schemas/config/config.v1.json by `npm run generate` -->';
const END = '<!-- end of keys -->';

/** @typedef {any} Schema */

/**
 * A schema with every reference replaced by what it points to.
 * @param {any} value
 * @param {Schema} defs
 * @returns {any}
 */
function inlined(value, defs) {
  if (Array.isArray(value)) return value.map((item) => inlined(item, defs));
  if (typeof value !== 'object' || value === null) return value;
  const { $ref, ...rest } = value;
  const base = $ref === undefined ? {} : inlined(defs[$ref.replace('#/$defs/', '')], defs);
  return { ...base, ...Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, inlined(inner, defs)])) };
}

/**
 * The schema of a configuration after defaults were filled in: what has one is there. Bounds are ajv's business.
 * @param {any} value
 * @returns {any}
 */
function filled(value) {
  if (Array.isArray(value)) return value.map(filled);
  if (typeof value !== 'object' || value === null) return value;
  const { title, minItems, maxItems, propertyNames, dependentRequired, examples, default: _, ...rest } = value;
  const inner = Object.fromEntries(
    Object.entries(rest).map(([key, item]) => [
      key,
      key === 'properties'
        ? Object.fromEntries(Object.entries(item).map(([name, part]) => [name, filled(part)]))
        : filled(item),
    ]),
  );
  if (value.properties === undefined) return inner;
  const defaulted = Object.keys(value.properties).filter((name) => value.properties[name].default !== undefined);
  return { ...inner, required: [...new Set([...(value.required ?? []), ...defaulted])] };
}

/**
 * Rows of the table of keys, a row for each key at any depth.
 * @param {Schema} schema
 * @param {string} path
 * @returns {string[]}
 */
function rows(schema, path) {
  return Object.entries(schema.properties ?? {}).flatMap(([key, part]) => {
    const name = path === '' ? key : `${path}.${key}`;
    const needed = (schema.required ?? []).includes(key);
    return [`| \`${name}\` | ${kind(part)} | ${fallback(part, needed)} | ${part.description} |`, ...below(part, name)];
  });
}

/** @param {Schema} part @param {string} name */
function below(part, name) {
  if (part.type === 'array' && part.items.properties) return rows(part.items, `${name}[]`);
  if (typeof part.additionalProperties === 'object') return rows(part.additionalProperties, `${name}.NAME`);
  return rows(part, name);
}

/** @param {Schema} part @returns {string} */
function kind(part) {
  const types = [part.type].flat().filter((type) => type !== 'null');
  if (part.enum) return part.enum.map((/** @type {string} */ value) => `\`${value}\``).join(', ');
  if (types[0] === 'array') return part.items.properties ? 'list' : `list of ${plural(part.items.title)}`;
  if (types[0] === 'object') return 'map';
  const bounds =
    part.minimum !== undefined && part.maximum !== undefined ? ` from ${part.minimum} to ${part.maximum}` : '';
  /** @type {Record<string, string>} */
  const plain = { string: 'text', boolean: 'true or false', integer: 'a whole number', number: 'a number' };
  const named = part.title ?? plain[types[0]];
  const example =
    part.examples === undefined ? '' : `, as ${part.examples.map((/** @type {any} */ one) => `\`${one}\``).join(', ')}`;
  return `${named}${bounds}${example}`;
}

/** @param {string} title */
function plural(title) {
  return title
    .replace(/^an? (\w+(?: or \w+)? ?)(.*)$/, (_, first, rest) => `${first}${rest}`)
    .replace(/(pattern|registry|URL)/, (word) => (word === 'registry' ? 'registries' : `${word}s`));
}

/** @param {Schema} part @param {boolean} needed */
function fallback(part, needed) {
  if (needed) return '**needed**';
  if (part.default === undefined) return '';
  if (Array.isArray(part.default) && part.default.length > 1)
    return part.default.map((/** @type {string} */ item) => `\`${item}\``).join(' ');
  return `\`${typeof part.default === 'string' ? part.default || '""' : JSON.stringify(part.default)}\``;
}

/**
 * Every generated file of the configuration, by path.
 * @param {string} root
 * @returns {Promise<Record<string, string>>}
 */
export async function configFiles(root) {
  const schema = JSON.parse(await readFile(join(root, 'schemas/config/config.v1.json'), 'utf8'));
  const { $defs, $schema, $id, ...plain } = inlined(schema, schema.$defs);
  const types = await compile(
    { ...filled(plain), title: 'RawConfig', description: 'The file, once it is valid and its defaults are filled in.' },
    'RawConfig',
    {
      bannerComment: BANNER,
      additionalProperties: false,
      style: { singleQuote: true, printWidth: 120 },
    },
  );
  const literal = `${BANNER}
import type { JsonObject } from '../../kernel/json.js';

export const CONFIG_SCHEMA: JsonObject = ${JSON.stringify(schema, null, 2)};
`;
  const page = await readFile(join(root, 'docs/configuration.md'), 'utf8');
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin === -1 || end === -1) throw new Error('docs/configuration.md has lost the markers of its table of keys');
  const table = ['| key | value | default | what it does |', '| --- | --- | --- | --- |', ...rows(plain, '')].join(
    '\n',
  );
  return {
    'src/config/generated/raw.ts': types,
    'src/config/generated/schema.ts': literal,
    'docs/configuration.md': `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`,
  };
}
