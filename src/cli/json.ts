/** One value a line: what `--json` prints for streams and for single answers alike. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value);
}

/** The option of every command that machines call as well. */
export const JSON_OPTION = ['--json', 'print JSON for machines, one object a line'] as const;
