// All accounts of a domain, by vpasswd, as vpopmail's listings see them.

import type { VpasswdRecord } from '../../formats/vpasswd.js';
import type { DomainPlace } from '../account-index.js';

/** The accounts of a domain in the order of vpasswd; none when it is absent. @throws TemporaryError */
export function accountsOf(_place: DomainPlace): VpasswdRecord[] {
  throw new Error('not there yet');
}
