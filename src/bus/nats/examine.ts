import type { BusFinding } from '../contract.js';
import type { Link } from './connect.js';
import type { Plan } from './streams.js';

/** What `doctor` tells of a NATS server. */
export async function examine(_link: Link, _plan: Plan): Promise<readonly BusFinding[]> {
  return [];
}
