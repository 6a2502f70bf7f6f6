#!/usr/bin/env node
import { existsSync } from 'node:fs';

const built = new URL('../dist/main.js', import.meta.url);
if (existsSync(built)) {
  const { main } = await import(built.href);
  process.exitCode = await main(process.argv.slice(2));
  // A net, should something keep the process from ending by itself: the work is done, the exit code stands.
  setTimeout(() => process.exit(), 5_000).unref();
} else {
  process.stderr.write('layerwright: it is not built yet; run `npm ci && npm run build` in its folder first\n');
  process.exitCode = 69;
}
