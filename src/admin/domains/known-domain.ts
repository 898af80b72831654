// Does a domain exist? By users/cdb, as everywhere. On a host whose users/cdb was never made, or was lost, what users/assign says counts for those who add
// domains: their change makes the database.

import { TemporaryError } from '../../errors.js';
import { statusOf } from '../../files/identity.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { assignEntries, parseAssign } from '../../formats/controls/users-assign.js';
import { lower } from '../../mail/address.js';
import type { Host } from '../../stores/host.js';

/** @param name in lower case @throws TemporaryError when it cannot be told */
export function isKnown(host: Host, name: string): boolean {
  try {
    return host.users.domain(name) !== undefined;
  } catch (error) {
    if (!(error instanceof TemporaryError) || statusOf(bytesPath(host.layout.usersCdb)) !== undefined) throw error;
    const entries = assignEntries(parseAssign(readIfPresent(host.layout.assign) ?? Buffer.alloc(0)));
    return entries.some((entry) => entry.mark === '+' && lower(entry.name) === `${name}-`);
  }
}
