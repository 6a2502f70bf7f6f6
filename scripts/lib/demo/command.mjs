// The command line of the service, asked by the demo as a person would.
import { join } from 'node:path';
import { EXIT, root } from '../project.mjs';
import { must } from '../run.mjs';
import { Fault } from '../say.mjs';

/**
 * Runs a command of the command line and gives what it prints.
 * @param {string} config
 * @param {readonly string[]} args
 * @throws {Fault} when it ends with another code than 0
 */
export async function layerwright(config, args) {
  try {
    const env = { ...process.env, LAYERWRIGHT_CONFIG: config };
    return (await must(process.execPath, [join(root, 'bin/layerwright.js'), ...args], { env })).stdout;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new Fault(`layerwright ${args[0]} fails: ${words}`, EXIT.failed);
  }
}
