/** The door of `bus`: the contract, the topology that all roles share, and the way to open an engine. */
export type * from './contract.ts';
export { type BusSettings, openBus } from './open.ts';
export { topology } from './topology.ts';
