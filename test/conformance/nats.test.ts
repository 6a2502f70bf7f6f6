import { describe } from 'node:test';
import { conformance } from './bus.conformance.js';
import { natsEngine } from './nats-engine.js';
import { natsStrangerCases } from './nats-strangers.js';

conformance(natsEngine);
describe('bus nats: strangers', { concurrency: true, skip: natsEngine.skip }, natsStrangerCases);
