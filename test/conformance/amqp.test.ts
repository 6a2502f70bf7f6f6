import { describe } from 'node:test';
import { amqpEngine } from './amqp-engine.js';
import { amqpStrangerCases } from './amqp-strangers.js';
import { conformance } from './bus.conformance.js';

conformance(amqpEngine);
describe('bus amqp: strangers', { concurrency: true, skip: amqpEngine.skip }, amqpStrangerCases);
