// Puts other hashes of the same passwords into a domain's vpasswd and its cdb, under the domain's lock. Of a line only the hash changes, and only where it is the one that is expected: a
// password that was set meanwhile stays.

import { statusOf } from '../../files/identity.js';
import { bytesPath } from '../../files/read.js';
import { domainFiles } from '../../layout.js';
import type { DomainPlace } from '../../stores/accounts/account-index.js';
import { withAccounts } from '../../stores/accounts/user-database.js';
import { removeUnfinished } from '../account-directory.js';
import { VpopmailError } from '../vpopmail-error.js';
import { checkHash, longestLine } from './account-rules.js';

export interface HashChange {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

const defaultMode = 0o600;

/**
 * Changes hashes.
 * @returns how many accounts have their new one; one whose line would be too long for vpopmail's tools keeps the old one
 * @throws VpopmailError, TemporaryError; the files stay then
 */
export async function rehashUsers(domain: DomainPlace, changes: readonly HashChange[]): Promise<number> {
  for (const { to } of changes) checkHash(to);
  await removeUnfinished(domain);
  return withAccounts(domain, async (accounts) => {
    const longest = longestLine(accounts.text);
    const byBegin = new Map(changes.map((change) => [`${change.name}:${change.from}`, change]));
    const changed = new Set<string>();
    let isTooLong = false;
    const lines = accounts.text.lines.map((line) => {
      const end = line.text.indexOf(':', line.text.indexOf(':') + 1);
      const change = end < 0 ? undefined : byBegin.get(line.text.slice(0, end));
      if (change === undefined) return line;
      const text = `${change.name}:${change.to}${line.text.slice(end)}`;
      if (text.length > longest) {
        isTooLong = true;
        return line;
      }
      changed.add(change.name);
      return { ...line, text };
    });
    if (changed.size > 0) await accounts.replace({ lines }, { mode: modeOf(domainFiles.vpasswd(domain.directory)) });
    else if (isTooLong) throw new VpopmailError('passwordTooLong', 'the lines in vpasswd would be too long');
    return changed.size;
  });
}

function modeOf(file: string): number {
  const mode = statusOf(bytesPath(file))?.mode;
  return mode === undefined ? defaultMode : Number(mode & 0o777n);
}
