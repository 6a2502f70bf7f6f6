import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isJsonObject, type JsonObject } from '../kernel/json.js';
import { withoutLogins } from '../kernel/text.js';
import type { ConfigFault } from './contract.js';
import type { Path, YamlFile } from './document.js';
import { CONFIG_SCHEMA } from './generated/schema.js';
import { suggest } from './suggest.js';

/** A fault and the way to it, for what is checked afterwards. */
export interface PlacedFault extends ConfigFault {
  readonly at: Path;
}

/** Checks a file's value against the schema and fills its defaults in, in place. Gives all faults. */
export function schemaFaults(file: YamlFile): readonly PlacedFault[] {
  const validate = validator();
  if (validate(file.value)) return [];
  return (validate.errors ?? []).flatMap((error) => {
    const fault = faultOf(error, file);
    return fault === null ? [] : [{ ...fault, path: formatPath(fault.at), line: file.lineOf(fault.at) }];
  });
}

let compiled: ValidateFunction | null = null;

/** Compiled on first use, so that importing costs nothing. */
function validator(): ValidateFunction {
  compiled ??= new Ajv2020({
    allErrors: true,
    verbose: true,
    strict: true,
    allowUnionTypes: true,
    useDefaults: true,
  }).compile(CONFIG_SCHEMA);
  return compiled;
}

/** `targets.f41.refs[0]`; a key that is no plain word is put in brackets. */
export function formatPath(path: Path): string {
  return path
    .map((key) => {
      if (typeof key === 'number') return `[${key}]`;
      return /^[A-Za-z0-9_-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
    })
    .join('')
    .replace(/^\./, '');
}

type Described = { readonly at: Path; readonly message: string; readonly hint: string };

function faultOf(error: ErrorObject, file: YamlFile): Described | null {
  const at = pathOf(error.instancePath, file.value);
  const schema = isJsonObject(error.parentSchema) ? error.parentSchema : {};
  const hint = exampleHint(schema);
  const params = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(at, String(params['additionalProperty']), schema);
    case 'required':
    case 'dependentRequired':
      return missingKey(at, String(params['missingProperty']), schema);
    case 'type':
      return wrongType(at, error, schema, file);
    case 'enum':
      return wrongWord(at, error.data, (params['allowedValues'] as readonly unknown[]).map(String));
    case 'pattern':
      if (error.propertyName !== undefined) {
        return {
          at: [...at, error.propertyName],
          message: `${shown(error.propertyName)} is not ${title(schema)}`,
          hint,
        };
      }
      return { at, message: `${shown(error.data)} is not ${title(schema)}`, hint };
    // Says again what another error of the same key has said.
    case 'propertyNames':
      return null;
    case 'minItems':
    case 'minProperties':
      return { at, message: 'there must be at least one', hint };
    case 'minimum':
      return { at, message: `must be at least ${params['limit']}`, hint };
    case 'maximum':
      return { at, message: `must be at most ${params['limit']}`, hint };
    case 'minLength':
      return { at, message: 'must not be empty', hint };
    default:
      return { at, message: error.message ?? 'is invalid', hint };
  }
}

const SECRET = /pass(word|wd|phrase)?$|secret|token|api_?key/i;

function unknownKey(at: Path, key: string, schema: JsonObject): Described {
  const known = Object.keys(isJsonObject(schema['properties']) ? schema['properties'] : {});
  const here = [...at, key];
  if (SECRET.test(key)) {
    const files = known.filter((name) => name.endsWith('_file'));
    const instead =
      files.length === 0
        ? 'in a file, where the keys that end in `_file` name it'
        : `in a file that ${list(files)} names`;
    return { at: here, message: 'secrets are not written into this file', hint: `put it ${instead}` };
  }
  const near = suggest(key, known);
  const hint = near === null ? `the keys here are ${list(known)}` : `did you mean \`${near}\`?`;
  return { at: here, message: 'there is no such key', hint };
}

function missingKey(at: Path, key: string, schema: JsonObject): Described {
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const wanted = isJsonObject(properties[key]) ? properties[key] : {};
  return { at: [...at, key], message: 'is missing', hint: exampleHint(wanted) || String(wanted['description'] ?? '') };
}

/** A number or a yes where a text is wanted is most often a text without its quotes. */
function wrongType(at: Path, error: ErrorObject, schema: JsonObject, file: YamlFile): Described {
  const types = [schema['type']].flat().map(String);
  const written = file.writtenAt(at);
  const data: unknown = error.data;
  if (types.includes('string') && (typeof data === 'number' || typeof data === 'boolean') && written !== null) {
    const changed = String(data) === written ? '' : `, namely ${String(data)}`;
    const unit = isUnit(schema) ? exampleHint(schema) : `write "${written}" in quotes`;
    return { at, message: `${written} without quotes is a ${typeof data}${changed}`, hint: unit };
  }
  const what = types.map((type) => TYPE_NAMES[type] ?? type).join(' or ');
  const hint = types.includes('boolean') ? 'write true or false, without quotes' : exampleHint(schema);
  return { at, message: `must be ${what}, not ${nameOf(data)}`, hint };
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: 'a map',
  array: 'a list',
  string: 'text',
  boolean: 'true or false',
  integer: 'a whole number',
  number: 'a number',
};

function wrongWord(at: Path, data: unknown, allowed: readonly string[]): Described {
  const near = typeof data === 'string' ? suggest(data, allowed) : null;
  const known = allowed.length === 1 ? `only ${list(allowed)} exists` : `one of ${list(allowed)}`;
  const hint = near === null ? known : `did you mean \`${near}\`?`;
  return { at, message: `${shown(data)} is not known here`, hint };
}

function isUnit(schema: JsonObject): boolean {
  return schema['title'] === 'a duration' || schema['title'] === 'a size';
}

function exampleHint(schema: JsonObject): string {
  const items = isJsonObject(schema['items']) ? schema['items'] : schema;
  const names = isJsonObject(schema['propertyNames']) ? schema['propertyNames'] : items;
  const examples = names['examples'];
  return Array.isArray(examples) ? `for example ${list(examples.map(String))}` : '';
}

function title(schema: JsonObject): string {
  return typeof schema['title'] === 'string' ? schema['title'] : 'allowed here';
}

function list(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(', ');
}

function nameOf(data: unknown): string {
  if (data === null) return 'empty';
  if (Array.isArray(data)) return 'a list';
  return isJsonObject(data) ? 'a map' : shown(data);
}

/** A value as it is shown; a URL without its user and password. */
function shown(data: unknown): string {
  const text = withoutLogins(JSON.stringify(data) ?? 'nothing');
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** A JSON pointer as keys and indexes. */
function pathOf(pointer: string, value: unknown): Path {
  let node = value;
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const step = Array.isArray(node) ? Number(key) : key;
      node = (node as Readonly<Record<string | number, unknown>>)[step];
      return step;
    });
}
