import type { Build } from '../../messages/index.js';
import type { Foreseen } from '../ports.js';

/** What a message of the past is, its form found sound. */
export type Reading =
  | { readonly kind: 'push'; readonly foreseen: Exclude<Foreseen, { readonly kind: 'no_push' }> }
  | { readonly kind: 'request'; readonly build: Build }
  /** `build.cancel`: of this build. */
  | { readonly kind: 'command'; readonly build: string }
  /** Tells what was done: starts, ends, waves, output. Never sent again. */
  | { readonly kind: 'told'; readonly what: string }
  /** Ours by its topic, and not by its body. */
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'foreign'; readonly reason: string };
