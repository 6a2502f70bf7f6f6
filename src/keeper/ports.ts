/** What the keeper needs of the outside, in our own words; the composition root hands in what fulfils it. */
import type { StoredContainer } from './decide/containers.js';
import type { StoredFile } from './decide/files.js';
import type { StoredImage } from './decide/images.js';

/** The images of one engine, and what builds left of containers. Throws ServiceError: `engine_unavailable`. */
export interface ImageStore {
  readonly host: string;
  images(): Promise<readonly StoredImage[]>;
  /**
   * Takes a name, or a nameless image by its id, away; with the last name goes the image. False when something uses it
   * still, as the engine says; what is left of builds that were killed with the engine does not. An absent one is gone.
   */
  removeImage(reference: string, image: Pick<StoredImage, 'id' | 'build'>): Promise<boolean>;
  /** Ended containers of builds' steps. */
  containers(): Promise<readonly StoredContainer[]>;
  /** False when the engine does not give it away. An absent one is gone. */
  removeContainer(id: string): Promise<boolean>;
}

/** A folder of things that can be made again. An absent folder is an empty one. */
export interface FileStore {
  /** For people. */
  readonly folder: string;
  files(): Promise<readonly StoredFile[]>;
  /** False when it was used after it was listed: then it stays. An absent one is gone. */
  remove(file: StoredFile): Promise<boolean>;
}

/** The bare mirrors; each is named by the clone URL that it is of. */
export interface MirrorStore extends FileStore {
  nameOf(url: string): string;
}
