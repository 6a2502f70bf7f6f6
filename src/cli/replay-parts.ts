import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { FetchedRef, Git } from '../git/index.js';
import { ServiceError } from '../kernel/service-error.js';
import type { Logger } from '../observability/index.js';
import type { Foresight, Lineage, Source, SourceTold } from '../replay/index.js';
import type { CliContext } from './context.js';
import type { Session } from './session.js';

export type ReplayLog = 'ours' | 'git';

export interface SourceOptions {
  readonly log?: readonly ReplayLog[];
  readonly dump?: string;
  readonly datagrepper?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly topic?: readonly string[];
}

/** Finds what is wrong with the choice of sources before anything is opened. Throws `usage`. */
export async function checkSource({ log, dump, datagrepper, since }: SourceOptions): Promise<void> {
  const given = [log, dump, datagrepper].filter((each) => each !== undefined).length;
  if (given > 1) throw new ServiceError('usage', 'choose one of --log, --dump and --datagrepper');
  if (datagrepper === undefined) return;
  const { archiveUrl } = await import('../replay/index.js');
  archiveUrl(datagrepper);
  if (since === undefined) throw new ServiceError('usage', 'with --datagrepper, --since says where to begin');
}

/** The messages of the past that are meant. The end is fixed here. */
export async function openSource(
  context: CliContext,
  { bus }: Session,
  options: SourceOptions,
  told: SourceTold,
): Promise<Source> {
  const { archiveClient, archiveSource, archiveUrl, dumpSource, logSource } = await import('../replay/index.js');
  const [since, until] = [options.since ?? null, options.until ?? null];
  const { dump, datagrepper } = options;
  if (dump !== undefined) {
    const { stdin } = context.terminal;
    if (dump === '-' && stdin.isTTY) context.terminal.note('reading from the terminal; Ctrl-D ends');
    const input = (): Readable => (dump === '-' ? stdin : createReadStream(dump));
    return dumpSource(input, dump === '-' ? 'standard input' : dump, told, { since, until });
  }
  if (datagrepper !== undefined && since !== null) {
    const client = archiveClient({
      signal: context.interrupt,
      onRetry: (reason) => told.note(`${reason}; tried again`),
    });
    const now = context.clock.now();
    const topics = (options.topic ?? []).some((pattern) => /[*#]/.test(pattern)) ? [] : (options.topic ?? []);
    const query = { since, until: until !== null && until < now ? until : now, topics };
    return archiveSource(archiveUrl(datagrepper), client, query, told);
  }
  return logSource(bus, [...new Set(options.log ?? (['git', 'ours'] as const))], { since, until });
}

/** The trigger's own decision; git is asked only where a decision hangs on it. */
export async function openForesight(session: Session, logger: Logger, signal: AbortSignal): Promise<Foresight> {
  const { foresee, gitPaths } = await import('../trigger/index.js');
  const paths = {
    between: async (...question: Parameters<ReturnType<typeof gitPaths>['between']>) =>
      gitPaths(await session.git(), logger).between(...question),
  };
  return {
    foresee: async (message) => {
      const foreseen = await foresee(message, session.settings.trigger, paths, signal);
      if (foreseen.kind === 'refused') {
        const { code, reason } = foreseen.refusal;
        return code === 'not_a_push' ? { kind: 'no_push' } : { kind: 'refused', code, reason };
      }
      const { builds, notBuilt, unsure } = foreseen;
      const refused = notBuilt.map(({ candidate: { component, target, commit }, refusal }) => ({
        component,
        target,
        commit,
        ...refusal,
      }));
      return { kind: 'decided', builds, refused, unsure };
    },
  };
}

/** Milliseconds that a git host is waited for; one that does not answer is not asked again. */
const GIT_MS = 30_000;

/** Asks the mirrors which of two commits is newer; each branch is fetched once. */
export function openLineage(session: Session, signal: AbortSignal, note: (text: string) => void): Lineage {
  const branches = new Map<string, Promise<FetchedRef | null>>();
  return {
    newer: async ({ source: { repository: url, branch: ref }, a, b }) => {
      const key = `${url} ${ref}`;
      let branch = branches.get(key);
      if (branch === undefined) {
        branch = fetchOnce(await session.git(), { url, ref }, signal, note);
        branches.set(key, branch);
      }
      const fetched = await branch;
      return fetched === null ? 'unknown' : newerOnBranch(fetched, a, b).catch(() => 'unknown');
    },
  };
}

async function fetchOnce(
  git: Git,
  source: { readonly url: string; readonly ref: string },
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<FetchedRef | null> {
  const { withFirst } = await import('../runtime/signals.js');
  try {
    return await withFirst([signal], GIT_MS, (first) => git.fetch(source, first));
  } catch (thrown) {
    if (!(thrown instanceof ServiceError)) throw thrown;
    note(`which commit of ${source.url} is newer can’t be told, so builders will: ${thrown.message}`);
    return null;
  }
}

/** As builders decide (design, section 4, "Newer"): the descendant, else the one that the branch still has. */
async function newerOnBranch(fetched: FetchedRef, a: string, b: string): Promise<'a' | 'b' | 'unknown'> {
  if (fetched.head === a) return 'a';
  const [hasA, hasB] = await Promise.all([fetched.has(a), fetched.has(b)]);
  if (hasA && hasB) {
    if (await fetched.isAncestor(a, b)) return 'b';
    if (await fetched.isAncestor(b, a)) return 'a';
  }
  const [onA, onB] = [hasA && (await fetched.isOnRef(a)), hasB && (await fetched.isOnRef(b))];
  if (onA === onB) return 'unknown';
  return onA ? 'a' : 'b';
}
