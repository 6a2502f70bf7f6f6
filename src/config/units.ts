const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 } as const;

/** `30m` in milliseconds; null for what is no duration. */
export function parseDuration(text: string): number | null {
  const found = /^([1-9][0-9]{0,8})(ms|s|m|h|d)$/.exec(text);
  return found === null ? null : Number(found[1]) * MILLISECONDS[found[2] as keyof typeof MILLISECONDS];
}

/** `2g` in bytes, by powers of 1024; null for what is no size. */
export function parseBytes(text: string): number | null {
  const found = /^([1-9][0-9]{0,11})([kmgt]?)$/.exec(text);
  return found === null ? null : Number(found[1]) * BYTES[found[2] as keyof typeof BYTES];
}
