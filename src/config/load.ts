import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { err, ok, type Result } from '../kernel/result.js';
import type { Config, ConfigFault } from './contract.js';
import { crossFaults } from './cross-checks.js';
import { type Path, readYaml } from './document.js';
import type { RawConfig } from './generated/raw.js';
import { normalise } from './normalise.js';
import { formatPath, schemaFaults } from './schema-faults.js';

/** Largest file that is opened, in bytes; a little more than `readYaml` takes, which says what is wrong. */
const MAX_READ = 262_144;

/** Longest part of a fault, in characters. */
const MAX_TEXT = 500;
/** Faults that are told; a file with more is something else. */
export const MAX_FAULTS = 100;

/** Reads and checks a configuration file. All faults at once, a hundred at most, in the order of their lines. Of `env` only `HOME` is used. */
export async function loadConfig(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<Config, readonly ConfigFault[]>> {
  const file = resolve(path);
  let bytes: Uint8Array;
  try {
    const { size } = await stat(file);
    if (size > MAX_READ) return unreadable(`${file} has ${size} bytes, far too many for a configuration`);
    bytes = await readFile(file);
  } catch (cause) {
    return unreadable(whyUnreadable(file, cause));
  }
  return parseConfig(bytes, file, env);
}

/** The same, for bytes that stand in `file` (absolute). */
export function parseConfig(
  bytes: Uint8Array,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Result<Config, readonly ConfigFault[]> {
  const yaml = readYaml(bytes);
  if (!yaml.ok) return err(first(yaml.error).map(shortened));
  const bySchema = schemaFaults(yaml.value);
  const raw = yaml.value.value as RawConfig;
  const whole = typeof raw === 'object' && raw !== null && !Array.isArray(raw);
  const between = whole
    ? crossFaults(
        raw,
        usable(
          raw,
          bySchema.map(({ at }) => at),
        ),
      )
    : [];
  const faults = [
    ...bySchema.map(({ path, line, message, hint }) => ({ path, line, message, hint })),
    ...between.map(({ at, message, hint }) => ({ path: formatPath(at), line: yaml.value.lineOf(at), message, hint })),
  ];
  if (faults.length > 0) return err(first(faults.sort((a, b) => a.line - b.line)).map(shortened));
  return ok(normalise(raw, file, env['HOME'] ?? null));
}

function first(faults: readonly ConfigFault[]): readonly ConfigFault[] {
  const more = faults.length - MAX_FAULTS;
  if (more <= 0) return faults;
  const line = faults[MAX_FAULTS]?.line ?? 0;
  const message = more === 1 ? 'and one more fault' : `and ${more} more faults`;
  return [...faults.slice(0, MAX_FAULTS), { path: '', line, message, hint: '' }];
}

/** A fault quotes what is written in the file, however long that is; a person reads the beginning. */
function shortened(fault: ConfigFault): ConfigFault {
  const cut = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);
  return { ...fault, path: cut(fault.path), message: cut(fault.message), hint: cut(fault.hint) };
}

/** What a check may look at: what is there, and neither faulty itself nor around or below a fault. */
function usable(value: unknown, faulty: readonly Path[]): (path: Path) => boolean {
  const begins = (long: Path, short: Path): boolean => short.every((key, index) => long[index] === key);
  return (path) => {
    let node = value;
    for (const key of path) {
      if (typeof node !== 'object' || node === null) return false;
      node = (node as Readonly<Record<string | number, unknown>>)[key];
    }
    return node !== undefined && !faulty.some((fault) => begins(fault, path) || begins(path, fault));
  };
}

function unreadable(message: string): Result<never, readonly ConfigFault[]> {
  return err([{ path: '', line: 0, message, hint: '' }]);
}

function whyUnreadable(file: string, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  if (code === 'ENOENT') return `there is no file ${file}`;
  if (code === 'EISDIR') return `${file} is a folder`;
  if (code === 'EACCES') return `${file} may not be read by this user`;
  return `${file} can’t be read: ${cause instanceof Error ? cause.message : String(cause)}`;
}
