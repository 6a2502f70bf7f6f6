/** One process of a simulation: gets its share, says what it sees, ends. */
import { once } from 'node:events';
import { simulate } from './report.js';
import type { ShareMessage, ShareOptions } from './shares.js';

const tell = (message: ShareMessage): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });

const [options] = (await once(process, 'message')) as [ShareOptions];
const report = await simulate({ ...options, say: (line) => void tell({ line }) });
await tell({ report });
process.disconnect();
