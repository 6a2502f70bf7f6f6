/** The door of `git`: what images are made from. */
export type * from './contract.ts';
export { openGit } from './store.js';
