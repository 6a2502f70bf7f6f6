import { ServiceError } from '../../kernel/service-error.js';
import type { Bus, OpenOptions, Topology } from '../contract.js';
import type { AmqpSettings } from '../settings.js';

export async function openAmqpBus(_settings: AmqpSettings, _topology: Topology, _options: OpenOptions): Promise<Bus> {
  throw new ServiceError('bus_unavailable', 'this engine is not built yet');
}
