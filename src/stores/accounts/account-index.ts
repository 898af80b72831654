// Which account is this? vpasswd is the source, vpasswd.cdb what is made of it, and a look-up reads only the latter, as vpopmail does, without a lock and without
// comparing times (formats/vpopmail.md 2.1, 12.4).
//
//   vpasswd.cdb       vpasswd            find
//   there             older or newer     by the cdb
//   there             absent             by the cdb
//   absent            there              by vpasswd, and the cdb is asked to be made (vpopmail makes it within the look-up)
//   absent            absent             temporary failure: no user database is not "no such user"
//   no cdb inside     -                  temporary failure (vpopmail: nobody exists)
//   unreadable        -                  temporary failure
//
// Reading vpasswd for one name goes through it in pieces and keeps nothing. A record with too few fields exists but is broken: temporary failure.

import { CorruptFileError, TemporaryError } from '../../errors.js';
import { type FileSource, withCdb } from '../../files/cdb/cdb-file.js';
import { parseVpasswdData, type VpasswdRecord } from '../../formats/vpopmail/vpasswd.js';
import { domainFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import type { Databases } from '../databases.js';

/** A domain's directory (disk path) and owner. */
export interface DomainPlace {
  readonly directory: string;
  readonly uid: number;
  readonly gid: number;
}

/** The accounts of all domains of a host. */
export class AccountIndex {
  readonly #databases: Databases;
  readonly #onMissing: (place: DomainPlace) => void;

  /** @param onMissing is told of a domain that has vpasswd but no vpasswd.cdb, each time one is met */
  constructor(databases: Databases, onMissing: (place: DomainPlace) => void) {
    this.#databases = databases;
    this.#onMissing = onMissing;
  }

  /**
   * The account with this name (ASCII case ignored) in a domain; undefined when there is none.
   * @throws TemporaryError when that cannot be told, CorruptFileError when what is found is broken
   */
  find(place: DomainPlace, name: string): VpasswdRecord | undefined {
    const key = lower(name);
    if (key === '' || /[:\n\0]/.test(key)) return undefined;
    const cdb = domainFiles.vpasswdCdb(place.directory);
    const found = this.#databases.lookUp(cdb, (find) => find(key)) ?? this.#findInText(place, key);
    if (found.value === undefined) return undefined;
    const record = parseVpasswdData(key, found.value);
    if (record === undefined) throw new CorruptFileError(cdb, undefined, `the record of ${key} has too few fields`);
    return record;
  }

  #findInText(place: DomainPlace, key: string): { value: Buffer | undefined } {
    const path = domainFiles.vpasswd(place.directory);
    const found = withCdb(path, (source) => findLine(source, key, path));
    if (found === undefined) {
      const cause = new Error(`neither ${path} nor ${domainFiles.vpasswdCdb(place.directory)} is there`);
      throw new TemporaryError('4.3.0', 'temporary trouble with the user database of this domain', cause);
    }
    this.#onMissing(place);
    return found;
  }
}

const pieceBytes = 64 * 1024;

/**
 * What stands behind `key:` in the first line that begins so; undefined when none does.
 * @throws CorruptFileError when that is a last line without its LF, which may be cut off
 */
function findLine(source: FileSource, key: string, path: string): Buffer | undefined {
  const needle = Buffer.from(`\n${key}:`, 'latin1');
  const begin = source.read(0, needle.length - 1);
  if (begin.equals(needle.subarray(1))) return restOfLine(source, begin.length, path);
  // Pieces overlap, so that a needle across their border is seen.
  for (let offset = 0; offset < source.size; offset += pieceBytes) {
    const at = source.read(offset, pieceBytes + needle.length - 1).indexOf(needle);
    if (at >= 0) return restOfLine(source, offset + at + needle.length, path);
  }
  return undefined;
}

function restOfLine(source: FileSource, position: number, path: string): Buffer {
  for (let length = 512; ; length *= 8) {
    const bytes = source.read(position, length);
    const end = bytes.indexOf(0x0a);
    if (end >= 0) return bytes.subarray(0, end);
    if (bytes.length < length) throw new CorruptFileError(path, position, 'the last line does not end in a newline');
  }
}
