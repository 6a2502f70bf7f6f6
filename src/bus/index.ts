/** The door of `bus`: the contract, the topology that all roles share, and the way to open an engine. */
export type * from './contract.js';
export { type BusSettings, type OpenOptions, openBus } from './open.js';
export { topology } from './topology.js';
