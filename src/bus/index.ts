/** The door of `bus`: the contract, the topology that all roles share, and the way to open an engine. */
export type * from './contract.js';
export { openBus } from './open.js';
export {
  type AmqpSettings,
  type BusSettings,
  type EmbeddedSettings,
  type NatsSettings,
  placeOf,
  type TlsFiles,
  type UserFiles,
} from './settings.js';
export { topology } from './topology.js';
