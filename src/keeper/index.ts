/** The door of `keeper`: what may go of images, mirrors, logs and tags, and its going. */
export { abilitiesOf, type TagAbilities } from './abilities.js';
export type { AreaKind, Item, Outcome } from './area.js';
export { type HouseParts, openAreas } from './areas.js';
export { claimScope, kindsOf, SCOPES, type Scope } from './claims.js';
export { type Keeper, openKeeper } from './open.js';
export { keepHouse, type Round } from './round.js';
export type { KeeperSettings } from './settings.js';
export type { KeeperParts } from './worker.js';
