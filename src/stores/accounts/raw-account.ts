// One account with all its fields as vpopmail's own tools see them: a CR at the end stays, missing fields are empty. For showing it; servers ask `Domain.account`, which
// takes a record with too few fields for trouble.

import { withCdb } from '../../files/cdb/cdb-file.js';
import { readIfPresent } from '../../files/read.js';
import { cdbFind } from '../../formats/databases/cdb.js';
import { findRecord, parseVpasswdText, type WholeRecord, wholeRecord } from '../../formats/vpopmail/vpasswd-lines.js';
import { domainFiles } from '../../layout.js';
import type { Domain } from '../domains/domain.js';

/**
 * The account of this name (lower case) by vpasswd.cdb; when that is not there, by vpasswd, and the cdb is asked to be made. undefined when there is none.
 * @throws TemporaryError, CorruptFileError when that cannot be told
 */
export function rawAccount(domain: Domain, name: string): WholeRecord | undefined {
  if (name === '' || /[:\n\0]/.test(name)) return undefined;
  const cdb = domainFiles.vpasswdCdb(domain.directory);
  const found = withCdb(cdb, (source) => cdbFind(source, name, cdb));
  if (found !== undefined)
    return found.value === undefined ? undefined : wholeRecord(name, found.value.toString('latin1'));
  // Asks for the repair, and throws where neither file is there.
  if (domain.account(name) === undefined) return undefined;
  const text = readIfPresent(domainFiles.vpasswd(domain.directory));
  return text === undefined ? undefined : findRecord(parseVpasswdText(text), name);
}
