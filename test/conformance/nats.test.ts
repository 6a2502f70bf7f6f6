import { conformance } from './bus.conformance.js';
import { natsEngine } from './nats-engine.js';

conformance(natsEngine);
