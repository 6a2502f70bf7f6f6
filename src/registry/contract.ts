import type { Readable } from 'node:stream';
import type { Digest } from '../kernel/digest.js';

/** Where a registry is and how to come in. */
export interface RegistrySettings {
  /** Name in the configuration, for messages to people. */
  readonly name: string;
  /** As `http://127.0.0.1:5000`. */
  readonly url: string;
  readonly credentials: RegistryCredentials;
  /** Milliseconds that one request may take until its headers are there. Default 15,000. */
  readonly timeoutMs?: number;
}

export type RegistryCredentials =
  | { readonly kind: 'none' }
  /** Read anew when they are refused, so that a rotated secret needs no restart. */
  | { readonly kind: 'files'; readonly userFile: string; readonly passwordFile: string }
  /** Docker's own config file (`auths`, `credsStore`, `credHelpers`); `path` null means the usual place. */
  | { readonly kind: 'docker_config'; readonly path: string | null };

/** A user and a password, as an engine wants them for its own pushes and pulls. */
export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}

export interface Manifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/**
 * One registry, spoken to by the distribution specification. Every byte that passes is checked against its digest.
 * Throws ServiceError: `registry_unavailable` (transient; whatever a connection does included), `registry_denied`,
 * `disk_full` (transient; the registry has no room), `internal` (what it said makes no sense, a digest that does not match
 * included).
 */
export interface Registry {
  readonly name: string;
  readonly url: string;
  /** `host:port`, as image references have it. */
  readonly host: string;
  /** The manifest's descriptor under a tag or digest; null when there is none, and for a tag that is half written. */
  head(repository: string, reference: string): Promise<Descriptor | null>;
  getManifest(repository: string, reference: string): Promise<Manifest | null>;
  /** Puts a manifest under a tag or its own digest; gives the digest that the registry has computed. */
  putManifest(repository: string, reference: string, mediaType: string, bytes: Uint8Array): Promise<Digest>;
  hasBlob(repository: string, digest: Digest): Promise<boolean>;
  /** The whole blob, checked; at most `maxBytes`. Null when there is none. */
  getBlob(repository: string, digest: Digest, maxBytes: number): Promise<Buffer | null>;
  /** The blob as a stream that fails at its end when the digest does not match. */
  streamBlob(repository: string, digest: Digest): Promise<Readable | null>;
  putBlob(repository: string, bytes: Uint8Array): Promise<Digest>;
  /** Makes a blob of one repository one of another's without moving it; false when the registry would not. */
  mountBlob(repository: string, digest: Digest, from: string): Promise<boolean>;
  /** All tags, sorted; empty when there is no such repository. */
  tags(repository: string): Promise<readonly string[]>;
  /** All repositories, sorted; for tables and doctors, not for decisions (many registries refuse it: null). */
  repositories(): Promise<readonly string[] | null>;
  /** Takes a tag away where the registry can (many can't: false). */
  deleteTag(repository: string, tag: string): Promise<boolean>;
  /** Takes a manifest away, and with it every tag that stands for it, where the registry can (many can't: false). */
  deleteManifest(repository: string, digest: Digest): Promise<boolean>;
  /** Resolves when the registry answers and lets us in. */
  ping(): Promise<void>;
  /** The login for an engine that pushes or pulls here; null where none is needed. */
  login(): Promise<RegistryLogin | null>;
  close(): Promise<void>;
}

/** Media types that we read and write. */
export const MEDIA_TYPE = {
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
} as const;
