/** The door of `git`: what images are made from. */
export type * from './contract.js';
export { openGit } from './store.js';
