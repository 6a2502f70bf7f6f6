import type { HouseParts } from '../keeper/index.js';
import type { Releasers } from '../runtime/releasers.js';
import type { RoomSettings } from './settings.js';

/** The engines' images and the folders of `state`, for who keeps house there. */
export async function houseStores(
  settings: RoomSettings,
  releasers: Releasers,
): Promise<Pick<HouseParts, 'engines' | 'mirrors' | 'logs'>> {
  const [{ logFiles, openImageStore }, { mirrorFolder }] = await Promise.all([
    import('../builder/index.js'),
    import('../git/index.js'),
  ]);
  const engines = settings.builder.engines.map((engine) => {
    const store = openImageStore(engine);
    releasers.push(`the images of ${engine.host}`, () => store.close());
    return store;
  });
  return { engines, mirrors: mirrorFolder(settings.git.mirrors), logs: logFiles(settings.builder.logs) };
}
