/** The door of `git`: what images are made from. */
export type * from './contract.js';
export { type MirrorFolder, mirrorFolder } from './mirror-folder.js';
export { openGit } from './store.js';
