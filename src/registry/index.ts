/** The door of `registry`: what is made lives there. */

export { openRegistry } from './client.js';
export * from './contract.js';
