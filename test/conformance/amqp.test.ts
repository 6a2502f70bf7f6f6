import { amqpEngine } from './amqp-engine.js';
import { conformance } from './bus.conformance.js';

conformance(amqpEngine);
