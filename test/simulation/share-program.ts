/** One process of a simulation. */
import { asPart } from './processes.js';
import { simulate } from './report.js';
import type { ShareOptions } from './shares.js';

await asPart((options: ShareOptions, say) => simulate({ ...options, say }));
