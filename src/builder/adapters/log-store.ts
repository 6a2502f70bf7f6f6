import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { createGzip, type Gzip } from 'node:zlib';
import type { Digest } from '../../kernel/digest.js';
import { LIMITS } from '../../kernel/limits.js';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { type OutputState, outputState, takeLine } from '../decide/output.js';
import { lastLines } from '../decide/retry.js';
import type { BuildLog, BuildLogs, LogDestination } from '../ports.js';
import { LiveLines, type PublishLines } from './live-lines.js';
import { LogArtifacts, logTag } from './log-artifact.js';

export interface LogOptions {
  /** A local file could not be written: the build goes on, and the log goes to the registry only. */
  readonly onFault?: (path: string, error: Error) => void;
}

const WRITE_CHARACTERS = 65_536;
/** A thread is asked for each piece that is compressed: most logs are one. */
const PACK_BYTES = 65_536;

/** Logs in `folder`, which is made when it is missing: one file an attempt, `BUILD.ATTEMPT.log`. The keeper bounds it. */
export function openBuildLogs(folder: string, options: LogOptions = {}): BuildLogs {
  const onFault = options.onFault ?? (() => undefined);
  const artifacts = new LogArtifacts();
  return {
    async open(build, attempt, maxBytes, publish) {
      const name = `${build}.${attempt}.log`;
      const path = join(folder, name);
      if (name.includes('/')) throw new ServiceError('internal', 'a build id is no name of a file');
      await mkdir(folder, { recursive: true }).catch((thrown: unknown) => onFault(path, toError(thrown)));
      const file = createWriteStream(path);
      file.on('error', (error) => onFault(path, error));
      return new FileLog({ name, tag: logTag(build, attempt), file, artifacts, maxBytes, publish });
    },
  };
}

interface FileLogParts {
  readonly name: string;
  readonly tag: string;
  readonly file: WriteStream;
  readonly artifacts: LogArtifacts;
  readonly maxBytes: number;
  readonly publish: PublishLines;
}

interface EndedLog {
  readonly packed: Promise<Buffer>;
  /** Resolves when the file is closed, or could not be. */
  readonly written: Promise<void>;
}

/** Compresses as it goes, so that the end is quick and needs no file: a disk that is full costs only the local copy. */
class FileLog implements BuildLog {
  readonly #parts: FileLogParts;
  readonly #live: LiveLines;
  readonly #gzip: Gzip = createGzip();
  readonly #packed: Buffer[] = [];
  readonly #tail: string[] = [];
  #state: OutputState;
  /** Lines that are not with the file yet: for each alone a write costs more than the line does. */
  #unwritten = '';
  /** What the file has and the compressor not. */
  #unpacked: Buffer[] = [];
  #unpackedBytes = 0;
  #writing: NodeJS.Immediate | null = null;
  #ended: EndedLog | null = null;

  constructor(parts: FileLogParts) {
    this.#parts = parts;
    this.#live = new LiveLines(parts.publish);
    this.#state = outputState(parts.maxBytes);
    this.#gzip.on('data', (chunk: Buffer) => this.#packed.push(chunk));
  }

  get bytes(): number {
    return this.#state.bytes;
  }

  line(text: string): void {
    if (this.#ended !== null) return;
    for (const one of text.split('\n')) {
      const { state, lines } = takeLine(this.#state, one);
      this.#state = state;
      for (const line of lines) this.#keep(line);
    }
  }

  tail(): string {
    return lastLines(this.#tail.join('\n'));
  }

  async finish(into: LogDestination): Promise<Digest | null> {
    this.#ended ??= this.#end();
    const { packed, written } = this.#ended;
    // The file is closed while the registry works.
    const [digest] = await Promise.all([this.#push(into, await packed), written]);
    return digest;
  }

  async #push(into: LogDestination, packed: Buffer): Promise<Digest | null> {
    try {
      const { artifacts, tag, name } = this.#parts;
      return await artifacts.push(into, tag, name, packed);
    } catch (thrown) {
      if (thrown instanceof ServiceError && thrown.code === 'registry_unavailable') return null;
      throw thrown;
    }
  }

  #keep(line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > LIMITS.detailLines) this.#tail.shift();
    this.#unwritten += `${line}\n`;
    if (this.#unwritten.length > WRITE_CHARACTERS) this.#write();
    else this.#writing ??= setImmediate(() => this.#write());
    this.#live.push(line);
  }

  #write(): void {
    if (this.#writing !== null) clearImmediate(this.#writing);
    this.#writing = null;
    const bytes = Buffer.from(this.#unwritten);
    this.#unwritten = '';
    if (this.#parts.file.writable) this.#parts.file.write(bytes);
    this.#unpacked.push(bytes);
    this.#unpackedBytes += bytes.length;
    if (this.#unpackedBytes >= PACK_BYTES) this.#pack();
  }

  #pack(): void {
    this.#gzip.write(Buffer.concat(this.#unpacked));
    this.#unpacked = [];
    this.#unpackedBytes = 0;
  }

  #end(): EndedLog {
    this.#write();
    this.#pack();
    this.#live.end();
    const { file } = this.#parts;
    const written = file.destroyed ? Promise.resolve() : finished(file.end()).catch(() => undefined);
    const packed = finished(this.#gzip.end()).then(() => Buffer.concat(this.#packed));
    return { packed, written };
  }
}
