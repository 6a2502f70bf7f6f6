/** All that is fuzzed. A new target is a file of `targets/` and a line here. */
import type { FuzzTarget } from './target.js';
import { archive } from './targets/archive.js';
import { codec } from './targets/codec.js';
import { config } from './targets/config.js';
import { dockerfile } from './targets/dockerfile.js';
import { dump } from './targets/dump.js';
import { ignore } from './targets/ignore.js';
import { imageRef } from './targets/image-ref.js';
import { push } from './targets/push.js';
import { registry } from './targets/registry.js';
import { sentDockerfiles } from './targets/sent-dockerfile.js';
import { text } from './targets/text.js';
import { topics } from './targets/topics.js';

export const TARGETS: readonly FuzzTarget[] = [
  archive,
  codec,
  config,
  dockerfile,
  dump,
  ignore,
  imageRef,
  push,
  registry,
  sentDockerfiles,
  text,
  topics,
];
