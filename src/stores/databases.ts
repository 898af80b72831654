// Look-ups in the host's cdb files: users/cdb, control/morercpthosts.cdb, each domain's vpasswd.cdb, the compiled access rules.
//
// Small files (up to 64 KiB) are kept as snapshots, a bounded number of them: one stat and no read for a look-up, a third of the time of opening the file. Bigger
// ones are opened for the look-up, three or four short reads, and closed; they are never read whole. Both see a replaced file at the very next look-up.
//
// One lie of a broken file is caught here: a header of zeros (an unfinished or lost write) would answer "not found" for every key. A maker writes the
// running position of every table, also of an empty one, so a position before the first record means that the file is no cdb.

import { CorruptFileError } from '../errors.js';
import { type FileSource, withCdb } from '../files/cdb-file.js';
import { statusOf } from '../files/identity.js';
import { bytesPath, fileTrouble } from '../files/read.js';
import { Snapshots } from '../files/snapshot.js';
import { bufferSource, cdbFind, cdbHash } from '../formats/cdb.js';

/** The data of the first record with a key; undefined when there is none. A string stands for its Latin-1 bytes. @throws CorruptFileError */
export type Find = (key: Buffer | string) => Buffer | undefined;

const smallBytes = 64 * 1024;
const headerBytes = 2048;

/** Every cdb file of a host. */
export class Databases {
  readonly #small = new Snapshots<Buffer>((bytes) => bytes, { files: 512, bytes: 8 * 1024 * 1024 });

  /**
   * Looks keys up in the cdb at `path`; all of one call see the same version. undefined means that the file is absent.
   * @throws TemporaryError when the file cannot be read, CorruptFileError when it is no cdb
   */
  lookUp<T>(path: string, use: (find: Find) => T): { readonly value: T } | undefined {
    if (this.#isSmall(path)) {
      const bytes = this.#small.get(path);
      return bytes === undefined ? undefined : { value: use(finder(bufferSource(bytes), path)) };
    }
    return withCdb(path, (source) => use(finder(source, path)));
  }

  #isSmall(path: string): boolean {
    try {
      const status = statusOf(bytesPath(path));
      return status === undefined || status.size <= smallBytes;
    } catch (error) {
      throw fileTrouble(error);
    }
  }
}

function finder(source: FileSource, path: string): Find {
  return (key) => {
    const data = cdbFind(source, key, path);
    if (data === undefined) checkTable(source, cdbHash(key) & 0xff, path);
    return data;
  };
}

function checkTable(source: FileSource, table: number, path: string): void {
  const position = source.read(table * 8, 4).readUInt32LE(0);
  if (position < headerBytes)
    throw new CorruptFileError(path, table * 8, 'the header was never written; make the file anew');
}
