import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `--since`: an ISO time, or how long ago (`10m`, `2h`, `3d`). */
export function parseSince(text: string, now: Date = new Date()): Date {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  if (match !== null) {
    return new Date(now.getTime() - Number(match[1]) * (UNITS[match[2] ?? 's'] ?? 1_000));
  }
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? new Date(text) : new Date(Number.NaN);
  if (Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError('Give a time as 2026-11-23T10:00:00Z, or how long ago as 10m, 2h or 3d.');
  }
  return time;
}

/** A whole number from 1 on. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('Give a whole number from 1 on.');
  return count;
}

/** `NAME=VALUE`, gathered over repeated options. */
export function parsePair(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give NAME=VALUE.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** A value of a list, with a sentence that names the list. */
export function parseOneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found === undefined) throw new InvalidArgumentError(`Give one of ${values.join(', ')}.`);
    return found;
  };
}

/** A value of a list, gathered over repeated options. */
export function parseEachOf<T extends string>(
  values: readonly T[],
): (text: string, before?: readonly T[]) => readonly T[] {
  const one = parseOneOf(values);
  return (text, before = []) => [...before, one(text)];
}
