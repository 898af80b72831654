// Walking through the accounts of a domain without holding them: a domain may have a million. As a look-up does (stores/accounts/account-index.ts), it goes by vpasswd.cdb, and by vpasswd
// where that is missing; neither is trouble, not an empty domain. Of equal names a look-up takes the first; here each is met.
//
// A file that changes in place under the walk (nobody's habit) makes it begin again, and `begin` is called again.

import { TemporaryError } from '../../errors.js';
import { type FileSource, withCdb } from '../../files/cdb/cdb-file.js';
import { cdbRecords } from '../../formats/databases/cdb.js';
import { accountNumber } from '../../formats/vpopmail/vpasswd.js';
import { domainFiles } from '../../layout.js';
import type { DomainPlace } from './account-index.js';

/** What is done on the way. */
export interface AccountWalk {
  /** Called before the first account, and again when all has to be met anew. */
  begin(): void;
  /** @param gid the flag word as stored; 0 where the record is cut off */
  account(name: string, gid: number): void;
}

/** Meets the accounts of a domain in file order. @throws TemporaryError or CorruptFileError when they cannot be read */
export function walkAccounts(place: DomainPlace, walk: AccountWalk): void {
  const cdb = domainFiles.vpasswdCdb(place.directory);
  const text = domainFiles.vpasswd(place.directory);
  const found =
    withCdb(cdb, (source) => walkIndex(source, cdb, walk)) ?? withCdb(text, (source) => walkText(source, walk));
  if (found !== undefined) return;
  const cause = new Error(`neither ${text} nor ${cdb} is there`);
  throw new TemporaryError('4.3.0', 'temporary trouble with the user database of this domain', cause);
}

function walkIndex(source: FileSource, path: string, walk: AccountWalk): void {
  walk.begin();
  for (const { key, data } of cdbRecords(source, path))
    walk.account(key.toString('latin1'), flagsOf(data.toString('latin1')));
}

function walkText(source: FileSource, walk: AccountWalk): void {
  walk.begin();
  for (const line of lines(source)) {
    const colon = line.indexOf(':');
    if (colon > 0) walk.account(line.slice(0, colon), flagsOf(line.slice(colon + 1)));
  }
}

/** The third field of `passwd:uid:gid:...`. */
function flagsOf(fields: string): number {
  return accountNumber(fields.split(':', 3)[2] ?? '');
}

const pieceBytes = 256 * 1024;

/** The lines that end in LF. */
function* lines(source: FileSource): Generator<string> {
  let rest = '';
  for (let offset = 0; offset < source.size; offset += pieceBytes) {
    const texts = (rest + source.read(offset, pieceBytes).toString('latin1')).split('\n');
    rest = texts.pop() ?? '';
    yield* texts;
  }
}
