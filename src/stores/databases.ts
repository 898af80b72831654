// Look-ups in the host's cdb files: users/cdb, control/morercpthosts.cdb, each domain's vpasswd.cdb, the compiled access rules.
//
// A look-up opens the file, makes three or four short reads, and closes it; nothing is read whole. A small file (up to 64 KiB; up to 4 MiB for the few that the
// whole host shares) that is asked again soon is kept as a snapshot, a bounded number of them: then a look-up costs one stat, a third of the time. Files
// that are asked only now and then, as on a host with thousands of domains, do not push those out. Either way a replaced file counts at the very next look-up.

import { type FileSource, withCdb } from '../files/cdb/cdb-file.js';
import { type Identity, identityOf } from '../files/identity.js';
import { bytesPath, fileTrouble } from '../files/read.js';
import { Snapshots } from '../files/snapshot.js';
import { bufferSource, cdbFind } from '../formats/databases/cdb.js';

/** The data of the first record with a key; undefined when there is none. A string stands for its Latin-1 bytes. @throws CorruptFileError */
export type Find = (key: Buffer | string) => Buffer | undefined;

const smallBytes = 64 * 1024;
/** Up to this size a file of the whole host (users/cdb, morercpthosts.cdb, smtp.cdb) is kept: some 30,000 domains. */
const sharedBytes = 4 * 1024 * 1024;
/** How many other small files may be asked between two look-ups of one that counts as asked again soon. Less than are kept. */
const soon = 256;

/** Every cdb file of a host. */
export class Databases {
  readonly #kept = new Snapshots<Buffer>((bytes) => bytes, { files: 512, bytes: 16 * 1024 * 1024 });
  /** Small files that were asked lately, oldest first. */
  readonly #lately = new Set<string>();

  /**
   * Looks keys up in the cdb at `path`; all of one call see the same version. undefined means that the file is absent.
   * @param options.isShared whether it is one of the few files of the whole host, which may be kept when bigger
   * @throws TemporaryError when the file cannot be read, CorruptFileError when it is no cdb
   */
  lookUp<T>(
    path: string,
    use: (find: Find) => T,
    options: { readonly isShared?: boolean } = {},
  ): { readonly value: T } | undefined {
    const largest = options.isShared ? sharedBytes : smallBytes;
    if (this.#kept.has(path) || this.#lately.has(path)) {
      const status = look(path);
      if (status === undefined) return undefined;
      const bytes = status.size <= largest ? this.#kept.get(path, status) : undefined;
      if (bytes !== undefined) return { value: use(finder(bufferSource(bytes), path)) };
    }
    return withCdb(path, (source) => {
      if (source.size <= largest) this.#remember(path);
      return use(finder(source, path));
    });
  }

  #remember(path: string): void {
    this.#lately.delete(path);
    this.#lately.add(path);
    const [oldest] = this.#lately;
    if (this.#lately.size > soon && oldest !== undefined) this.#lately.delete(oldest);
  }
}

function look(path: string): Identity | undefined {
  try {
    return identityOf(bytesPath(path));
  } catch (error) {
    throw fileTrouble(error);
  }
}

function finder(source: FileSource, path: string): Find {
  return (key) => cdbFind(source, key, path);
}
