import { conformance } from './bus.conformance.js';
import { embeddedEngine } from './embedded-engine.js';

conformance(embeddedEngine);
