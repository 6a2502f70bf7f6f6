// Where things are in a clone.
import { fileURLToPath } from 'node:url';

/** The clone's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** What scripts bring or keep; ignored by git, and safe to delete when none of them runs. */
export const stateDir = `${root}/.layerwright`;

/** Programs that were fetched for this clone. */
export const toolsDir = `${stateDir}/tools`;

/** Exit codes, as the command line has them (design, section 6). */
export const EXIT = Object.freeze({ ok: 0, failed: 1, usage: 2, unavailable: 69, interrupted: 130 });
