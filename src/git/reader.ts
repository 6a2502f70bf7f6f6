import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { ServiceError } from '../kernel/service-error.js';
import { holdChild, ProgramEnded } from './pool.js';

/** What `git cat-file` says of an object before its bytes. */
export interface ObjectHeader {
  readonly oid: string;
  readonly type: string;
  readonly size: number;
}

const NEWLINE = 0x0a;
const MAX_LINE = 8_192;

/**
 * One long-lived `git cat-file --batch` (or `--batch-check`): names in, objects out, in order. Used by one caller at a
 * time. `ask` may run ahead of `header`; each header with a body must be followed by `bytes` or `chunks`.
 */
export class ObjectReader {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #stderr = '';
  ended = false;

  constructor(gitDir: string, mode: '--batch' | '--batch-check', env: NodeJS.ProcessEnv) {
    this.#child = spawn('git', [`--git-dir=${gitDir}`, 'cat-file', mode], {
      cwd: '/',
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#chunks = this.#child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-MAX_LINE);
    });
    this.#child.stdin.on('error', () => undefined);
    this.#child.on('error', () => {
      this.ended = true;
    });
    this.#child.once('close', () => {
      this.ended = true;
    });
  }

  hold(held: boolean): void {
    holdChild(this.#child, held);
  }

  /** Asks for an object by its full name, or by an expression of ours that holds no line end. */
  ask(name: string): void {
    if (name.includes('\n')) throw new ServiceError('internal', 'A git object was asked for by an impossible name.');
    this.#child.stdin.write(`${name}\n`);
  }

  /** The next answer's header; null for an object that is not there. */
  async header(): Promise<ObjectHeader | null> {
    const line = await this.#line();
    const [, oid, type, size] = /^([0-9a-f]{40,64}) ([a-z]+) (\d+)$/.exec(line) ?? [];
    return oid === undefined || type === undefined ? null : { oid, type, size: Number(size) };
  }

  /** The body after a header, in the pieces it comes in, and the line end after it. */
  async *chunks(size: number): AsyncGenerator<Buffer> {
    let left = size;
    while (left > 0) {
      if (this.#rest.length === 0) await this.#fill();
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
    if (this.#rest.length === 0) await this.#fill();
    this.#rest = this.#rest.subarray(1);
  }

  async bytes(size: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.chunks(size)) pieces.push(piece);
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  }

  end(): void {
    this.ended = true;
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    this.#child.kill('SIGKILL');
  }

  async #line(): Promise<string> {
    for (;;) {
      const at = this.#rest.indexOf(NEWLINE);
      if (at !== -1) {
        const line = this.#rest.toString('utf8', 0, at);
        this.#rest = this.#rest.subarray(at + 1);
        return line;
      }
      if (this.#rest.length > MAX_LINE) throw new ProgramEnded('a line without end');
      await this.#fill();
    }
  }

  async #fill(): Promise<void> {
    let next: IteratorResult<Buffer>;
    try {
      next = await this.#chunks.next();
    } catch {
      next = { done: true, value: undefined };
    }
    if (next.done === true) {
      this.ended = true;
      throw new ProgramEnded(this.#stderr);
    }
    this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
  }
}
