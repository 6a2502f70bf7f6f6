// Programs that the demo and the tests need and that are no npm packages: found on the machine, else brought.
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { hasApt, unpackPackages } from './apt.mjs';
import { toolsDir } from './project.mjs';
import { findProgram } from './run.mjs';
import { step } from './say.mjs';

/**
 * The registry program (CNCF distribution), or null when it can't be had here.
 * @param {{ install: boolean }} options
 */
export async function bringRegistry({ install }) {
  const folder = join(toolsDir, 'registry');
  const found = findProgram('docker-registry', [join(folder, 'usr/bin')]);
  if (found !== null || !install || !hasApt()) return found;
  step(
    "fetching the registry from the distribution's package docker-registry into .layerwright/tools (unpacked, not installed)",
  );
  await unpackPackages(['docker-registry'], folder);
  return findProgram('docker-registry', [join(folder, 'usr/bin')]);
}

/**
 * A statically linked busybox: what the example images are made of, as no image need be pulled then. Null when it
 * can't be had here.
 * @param {{ install: boolean }} options
 */
export async function bringBusybox({ install }) {
  const folder = join(toolsDir, 'busybox');
  const places = [join(folder, 'bin/busybox'), join(folder, 'usr/bin/busybox'), '/bin/busybox', '/usr/bin/busybox'];
  const found = places.find(isStatic);
  if (found !== undefined || !install || !hasApt()) return found ?? null;
  step(
    "fetching a static busybox from the distribution's package busybox-static into .layerwright/tools (unpacked, not installed)",
  );
  await unpackPackages(['busybox-static'], folder);
  return places.find(isStatic) ?? null;
}

/**
 * True for a Linux program that needs no loader: an ELF file without a program header of the type PT_INTERP.
 * @param {string} path
 */
function isStatic(path) {
  if (process.platform !== 'linux' || !existsSync(path)) return false;
  const head = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  const length = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  if (length < 64 || head.toString('latin1', 0, 4) !== '\u007fELF' || head[4] !== 2 || head[5] !== 1) return false;
  const offset = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  const PT_INTERP = 3;
  for (let index = 0; index < count && offset + (index + 1) * size <= length; index += 1) {
    if (head.readUInt32LE(offset + index * size) === PT_INTERP) return false;
  }
  return true;
}
