// RabbitMQ as one program in the foreground, wherever its parts are: for tests that start and end one of their own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './project.mjs';

/** What does the work; its head says how the program is configured. */
const SCRIPT = join(root, 'scripts/lib/rabbitmq.sh');

/**
 * Writes the program.
 * @param {string} path
 * @param {import('./broker-programs.mjs').RabbitmqTools} tools
 * @returns {string} the path
 */
export function writeRabbitmqProgram(path, tools) {
  mkdirSync(dirname(path), { recursive: true });
  const places = { ...tools.env, RABBITMQ_HOME: tools.home, EPMD: tools.epmd };
  const lines = [
    '#!/bin/sh',
    ...Object.entries(places).map(([name, value]) => `export ${name}=${shellQuoted(value ?? '')}`),
    `exec sh ${shellQuoted(SCRIPT)} "$@"`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o755 });
  return path;
}

/**
 * A text as one word of a shell script.
 * @param {string} text
 */
export function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
