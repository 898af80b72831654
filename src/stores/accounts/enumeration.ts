// All accounts of a domain, by vpasswd and in its order, as vpopmail's listings see them (formats/vpopmail.md 2.1). Look-ups go by vpasswd.cdb; the two differ while
// the text was changed by hand. No lock: the file is replaced whole.
//
// vpopmail's listings end at the first line that is no account. Here it is told, and the rest is served.

import { readIfPresent } from '../../files/read.js';
import type { VpasswdRecord } from '../../formats/vpopmail/vpasswd.js';
import { parseVpasswdText, recordOf } from '../../formats/vpopmail/vpasswd-lines.js';
import { domainFiles } from '../../layout.js';
import type { DomainPlace } from './account-index.js';

/** One account: the fields as vpopmail reads them, all eight. */
export type ListedAccount = VpasswdRecord & { readonly clearPasswd: string };

/**
 * The accounts of a domain in the order of vpasswd; none when it is absent.
 * @param onBroken is told of each line that is no account, by its number from 1
 * @throws TemporaryError
 */
export function accountsOf(place: DomainPlace, onBroken?: (line: number) => void): ListedAccount[] {
  const bytes = readIfPresent(domainFiles.vpasswd(place.directory));
  if (bytes === undefined) return [];
  return parseVpasswdText(bytes).lines.flatMap((line, index) => {
    const record = recordOf(line);
    if (record === undefined) onBroken?.(index + 1);
    return record === undefined ? [] : [record];
  });
}
