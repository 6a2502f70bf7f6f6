/** The door of `builder`: from a request to an image. */
export { openEngine } from './adapters/docker-engine.js';
export { type ImageStore, openImageStore } from './adapters/image-store.js';
export { type LogFiles, logFiles } from './adapters/log-files.js';
export { openBuildLogs } from './adapters/log-store.js';
export type { DependencyState } from './dependencies.js';
export type { PooledEngine } from './engine-room.js';
export { type Explanation, explainBuild } from './explain.js';
export { type Builder, openBuilder } from './open.js';
export type { BuilderParts } from './parts.js';
export type { BuildLogs, Engine } from './ports.js';
export type { BuilderSettings, BuilderTarget, EngineSettings } from './settings.js';
