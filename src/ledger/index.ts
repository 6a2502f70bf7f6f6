/** The door of `ledger`: what the log says, as rows. */
export type * from './contract.js';
export { openLedger } from './open.js';
