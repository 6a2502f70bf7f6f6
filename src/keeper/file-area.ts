import type { Clock } from '../runtime/clock.js';
import type { Area } from './area.js';
import { type FilePolicy, filesThatGo } from './decide/files.js';
import type { FileStore } from './ports.js';

export interface FileAreaParts {
  readonly kind: 'mirrors' | 'logs';
  readonly store: FileStore;
  readonly policy: FilePolicy;
  /** Says of a file whether somebody needs it now. */
  readonly isInUse: (name: string) => boolean;
  readonly clock: Clock;
}

/** A folder of mirrors or of logs. */
export function fileArea({ kind, store, policy, isInUse, clock }: FileAreaParts): Area {
  return {
    kind,
    name: `${kind} ${store.folder}`,
    async propose() {
      const files = await store.files();
      const inUse = new Set(files.map(({ name }) => name).filter(isInUse));
      const going = filesThatGo(files, policy, inUse, clock.now().getTime());
      const proposals = going.map(({ file, reason }) => ({
        item: {
          area: kind,
          place: store.folder,
          what: kind === 'mirrors' ? ('mirror' as const) : ('log' as const),
          name: file.name,
          bytes: file.bytes,
          usedAt: new Date(file.usedAt).toISOString(),
          reason,
        },
        carryOut: async () => ((await store.remove(file)) ? ('gone' as const) : ('in_use' as const)),
      }));
      return { proposals, notes: [] };
    },
  };
}
