// `npm run build`: the compiled service in dist/, packages first when they are missing.
import { buildService, checkNode, installPackages } from './lib/dependencies.mjs';
import { main } from './lib/main.mjs';

await main(async () => {
  checkNode();
  await installPackages();
  await buildService();
  return 0;
});
