import { constants } from 'node:fs';
import { access, mkdir, statfs } from 'node:fs/promises';
import { bytes, duration } from '../render/text.js';
import { type Finding, fault, warn, well } from './finding.js';

const MiB = 1024 ** 2;
/** Free bytes below which the state folder's disk is worth a look, and below which nothing is safe. */
const LITTLE_ROOM = 1024 * MiB;
const NO_ROOM = 100 * MiB;
/** Milliseconds that the clock may differ from a registry's: releases and times of messages come from it. */
const SKEW_MS = 30_000;
/** No release of Layerwright is older; a clock before it is not set. */
const EARLIEST = Date.parse('2026-01-01T00:00:00Z');

/** The state folder can be written to, and its disk has room. */
export async function checkFolder(path: string): Promise<Finding> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    return fault(
      'folder',
      `${path} can't be written to: ${cause instanceof Error ? cause.message : ''}`,
      'Give its user the rights, or name another folder in the configuration.',
    );
  }
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  const text = `${path}, ${bytes(free)} free`;
  if (free < NO_ROOM) return fault('folder', text, 'Free some room: the bus refuses what it can’t store.');
  if (free < LITTLE_ROOM) return warn('folder', text, 'Free some room before it runs out.');
  return well('folder', text);
}

/** The clock is set, and agrees with a registry's where one answers. `url`: a registry's; null when there is none. */
export async function checkClock(url: string | null, now: () => Date): Promise<Finding> {
  if (now().getTime() < EARLIEST)
    return fault('clock', `it is ${now().toISOString()} here`, 'Set the clock, and keep it by NTP.');
  const theirs = url === null ? null : await clockOf(url);
  if (theirs === null) return well('clock', `${now().toISOString()}; nobody to compare with`);
  const skew = now().getTime() - theirs.getTime();
  if (Math.abs(skew) <= SKEW_MS) return well('clock', `${now().toISOString()}, as the registry's`);
  const way = skew > 0 ? 'before' : 'behind';
  return warn(
    'clock',
    `${duration(Math.abs(skew))} ${way} the registry's`,
    'Keep both clocks by NTP: times of builds and releases come from them.',
  );
}

async function clockOf(url: string): Promise<Date | null> {
  try {
    const response = await fetch(new URL('/v2/', url), { signal: AbortSignal.timeout(5_000), redirect: 'manual' });
    await response.body?.cancel();
    const time = new Date(response.headers.get('date') ?? '');
    return Number.isNaN(time.getTime()) ? null : time;
  } catch {
    return null;
  }
}
