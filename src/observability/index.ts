/** The door of `observability`: what the service says of itself. pino and prom-client are loaded when they are opened. */
export { type HealthServer, type HealthSettings, openHealth } from './health.js';
export { buildLogger, type LogFields, type Logger, silentLogger, traceIdOf } from './logger.js';
export { type GaugeName, type Metrics, openMetrics, type ShownMetrics, silentMetrics } from './metrics.js';
export { type LoggerSettings, type OpenedLogger, openLogger } from './pino-logger.js';
export { type Check, type CheckResult, type CheckState, Readiness, type ReadinessReport } from './readiness.js';
