import type { Config } from '../config/index.js';
import type { Stream } from '../ledger/index.js';

/** What is never rebuilt and never out of date: components of closed targets, and retired ones. */
export function leftOut({ targets, components }: Pick<Config, 'targets' | 'components'>): (stream: Stream) => boolean {
  const closed = new Set(targets.filter((target) => target.closed).map(({ name }) => name));
  const retired = new Set(components.filter((one) => one.retired).map(({ component }) => component));
  return ({ component, target }) => closed.has(target) || retired.has(component);
}
