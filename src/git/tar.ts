/** What one tar entry needs beside its bytes. Paths of folders have no `/` at their end. */
export interface TarEntry {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link';
  readonly executable: boolean;
  readonly size: number;
  readonly time: Date;
  /** Where a link points; empty for others. */
  readonly target: string;
}

const BLOCK = 512;
const SHORT = 100;
const MAX_OCTAL_SIZE = 0o77777777777;
const TYPES = { file: '0', folder: '5', link: '2' } as const;

/** Two empty blocks end an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/**
 * An entry's header in POSIX's ustar format, with an extended header (pax) before it where a field is too short. Owner is
 * root; modes are those of a clone under umask 022.
 */
export function tarHeader(entry: TarEntry): Buffer {
  const path = entry.kind === 'folder' ? `${entry.path}/` : entry.path;
  const records = [
    ...(fits(path) ? [] : [['path', path] as const]),
    ...(fits(entry.target) ? [] : [['linkpath', entry.target] as const]),
    ...(entry.size <= MAX_OCTAL_SIZE ? [] : [['size', String(entry.size)] as const]),
  ];
  const mode = entry.kind === 'link' ? 0o777 : entry.kind === 'folder' || entry.executable ? 0o755 : 0o644;
  const main = block({
    name: path,
    mode,
    size: records.some(([key]) => key === 'size') ? 0 : entry.size,
    seconds: secondsOf(entry.time),
    type: TYPES[entry.kind],
    target: entry.target,
  });
  if (records.length === 0) return main;
  const extended = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  const header = block({
    name: 'pax_header',
    mode: 0o644,
    size: extended.length,
    seconds: secondsOf(entry.time),
    type: 'x',
    target: '',
  });
  return Buffer.concat([header, extended, tarPadding(extended.length), main]);
}

/** What fills an entry's last block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

interface Block {
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  readonly seconds: number;
  readonly type: string;
  readonly target: string;
}

function block({ name, mode, size, seconds, type, target }: Block): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  Buffer.from(name).copy(bytes, 0, 0, SHORT);
  bytes.write(octal(mode, 7), 100, 'latin1');
  bytes.write(octal(0, 7), 108, 'latin1');
  bytes.write(octal(0, 7), 116, 'latin1');
  bytes.write(octal(size, 11), 124, 'latin1');
  bytes.write(octal(seconds, 11), 136, 'latin1');
  bytes.write(' '.repeat(8), 148, 'latin1');
  bytes.write(type, 156, 'latin1');
  Buffer.from(target).copy(bytes, 157, 0, SHORT);
  bytes.write('ustar\u000000', 257, 'latin1');
  bytes.write('root', 265, 'latin1');
  bytes.write('root', 297, 'latin1');
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return bytes;
}

/** `length key=value\n`, where length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function fits(text: string): boolean {
  return Buffer.byteLength(text) <= SHORT;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function secondsOf(time: Date): number {
  return Math.min(MAX_OCTAL_SIZE, Math.max(0, Math.floor(time.getTime() / 1_000)));
}
