/** The door of `config`: the file, read and checked whole. */
export { shownBus } from './bus-form.js';
export {
  type BusConfig,
  type ComponentConfig,
  type Config,
  type ConfigFault,
  type EngineConfig,
  formatFault,
  type RegistryConfig,
  type SourceConfig,
  type TargetConfig,
} from './contract.js';
export { loadConfig, MAX_FAULTS, parseConfig } from './load.js';
export { parseBytes, parseDuration } from './units.js';
