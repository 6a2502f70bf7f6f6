/** The names of a build that has ended (design, section 6, step 2): step 9 again, and nothing is said on the bus. */
import { toError } from '../kernel/service-error.js';
import type { Begun } from './begin.js';
import { uniqueTag } from './decide/naming.js';
import type { Job } from './job.js';
import { recall } from './make.js';
import type { BuilderParts } from './parts.js';
import type { BuildLog } from './ports.js';
import { moveTags } from './tags.js';

/** What takes no lines: the log of such a build is the one that it had. */
export const NO_LOG: BuildLog = { bytes: 0, line: () => undefined, tail: () => '', finish: async () => null };

type Parts = Pick<BuilderParts, 'bus' | 'ledger' | 'git' | 'clock'>;

/** Never throws: what could not be put right is found again by whoever asked. */
export async function putRight(parts: Parts, job: Job, { existing, fetched, row }: Begun): Promise<void> {
  try {
    const committed = existing ?? (row.image === null ? null : await recall(parts, job, row.image.digest));
    if (committed === null) {
      job.log.warn({ digest: row.image?.digest }, 'the image of a build is gone from its registry');
      return;
    }
    const { manifest } = committed;
    // A registry that lost names may have lost this one too.
    if (existing === null)
      await job.registry.putManifest(job.repository, uniqueTag(job.build.id), manifest.mediaType, manifest.bytes);
    const input = { mode: 'tags_only', fetched, ready: Promise.resolve(), free: null } as const;
    const { tags, claim } = await moveTags(parts, job, committed, input);
    job.log.info({ tags }, 'the names of a build were put right');
    await claim.release();
  } catch (thrown) {
    job.log.warn({ err: toError(thrown) }, 'the names of a build could not be put right');
  }
}
