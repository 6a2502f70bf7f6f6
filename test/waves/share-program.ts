/** One process of a simulation of waves. */
import { asPart } from '../simulation/processes.js';
import { type SimulationOptions, simulateShare } from './report.js';

await asPart((options: Omit<SimulationOptions, 'say'>, say) => simulateShare({ ...options, say }));
