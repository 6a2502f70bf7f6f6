/** The recorded and published messages of other services, as a broker would hand them over. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '../../src/kernel/json.js';
import type { Message } from '../../src/messages/index.js';

const FOLDER = new URL('../fixtures/messages/', import.meta.url);

/** Names of all recorded messages, relative to the folder of fixtures, sorted. */
export function recordedNames(): readonly string[] {
  const index = readFileSync(fileURLToPath(new URL('INDEX.tsv', FOLDER)), 'utf8');
  return index
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t')[0] ?? '')
    .sort();
}

/** One recorded message; one that came without an id gets its file's name. */
export function recorded(name: string): Message {
  const { topic, id, headers, body } = JSON.parse(readFileSync(fileURLToPath(new URL(name, FOLDER)), 'utf8')) as {
    topic: string;
    id: string | null;
    headers: JsonObject;
    body: JsonObject;
  };
  return { topic, id: id ?? name, headers, body };
}
