// Changes fields of one account, or of all of a domain, in vpasswd and its cdb (formats/vpopmail.md 2.5, 9.4).
//
// An account is one that vpasswd has. Its fields are taken from vpasswd.cdb where it is there, as vpopmail takes them: after `vmoduser -n` or changes by hand that have not
// come to the cdb, the next change of the account goes by the old fields. All lines of its name become the new one. All happens under the domain's lock, the
// reading too, so no change of somebody else is lost.
//
// A whole domain is changed in one rewrite; each line keeps its own other fields. A new hash without its clear password empties the clear one, which would
// otherwise go on letting APOP and CRAM-MD5 in.

import { CorruptFileError } from '../../errors.js';
import { withCdb } from '../../files/cdb/cdb-file.js';
import { cdbFind } from '../../formats/databases/cdb.js';
import { accountNumber, type VpasswdRecord, vpasswdText } from '../../formats/vpopmail/vpasswd.js';
import {
  findRecord,
  recordOf,
  replaceRecord,
  storedNumber,
  type VpasswdText,
  type WholeRecord,
  wholeRecord,
} from '../../formats/vpopmail/vpasswd-lines.js';
import { domainFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import type { DomainPlace } from '../../stores/accounts/account-index.js';
import { type LockedAccounts, type ReplaceAccountsOptions, withAccounts } from '../../stores/accounts/user-database.js';
import { removeUnfinished } from '../account-directory.js';
import { VpopmailError } from '../vpopmail-error.js';
import { checkDirectory, checkGecos, checkHash, checkLine, checkPassword, longestLine } from './account-rules.js';
import type { AccountStyle } from './account-style.js';
import { giveLimitsWith } from './domain-access.js';

/** New values; a field that is undefined stays. */
export interface AccountChange {
  /** A finished hash. `clear` undefined empties the clear password. */
  readonly secret?: { readonly hash: string; readonly clear?: string | undefined } | undefined;
  readonly gecos?: string | undefined;
  /** A host path. */
  readonly dir?: string | undefined;
  /** As it is stored. */
  readonly quota?: string | undefined;
  /** Bits to be set in the flag word, after all others were cleared where `clearFlags` says so. */
  readonly setFlags?: number | undefined;
  readonly clearFlags?: boolean | undefined;
}

/** The change for one account, made when its record is known. It may refuse by throwing. */
export type ChangeOf = (record: WholeRecord) => AccountChange | Promise<AccountChange>;

/**
 * Changes one account.
 * @param change is asked under the lock: what takes long (a hash) belongs before
 * @throws VpopmailError User does not exist and what the rules refuse, TemporaryError; the files stay then
 */
export async function changeUser(
  domain: DomainPlace,
  userName: string,
  style: AccountStyle,
  change: ChangeOf,
  options?: ReplaceAccountsOptions,
): Promise<WholeRecord> {
  const name = lower(userName);
  await removeUnfinished(domain);
  return withAccounts(domain, async (accounts) => {
    const record = await recordToChange(domain, accounts, name);
    giveLimitsWith(domain, record);
    const changed = changedRecord(record, await change(record), style);
    checkLine(changed, longestLine(accounts.text));
    await accounts.replace(replaceRecord(accounts.text, name, changed), options);
    return record;
  });
}

/**
 * Changes all accounts of a domain in one rewrite. Lines that are no accounts stay.
 * @param options for so many accounts
 * @throws as `changeUser`
 */
export async function changeAllUsers(
  domain: DomainPlace,
  style: AccountStyle,
  change: ChangeOf,
  options: (accountCount: number) => ReplaceAccountsOptions = () => ({}),
): Promise<WholeRecord[]> {
  await removeUnfinished(domain);
  return withAccounts(domain, async (accounts) => {
    const longest = longestLine(accounts.text);
    const changed: WholeRecord[] = [];
    const lines: VpasswdText['lines'][number][] = [];
    for (const line of accounts.text.lines) {
      const record = recordOf(line);
      if (record === undefined) {
        lines.push(line);
        continue;
      }
      giveLimitsWith(domain, record);
      const now = changedRecord(record, await change(record), style);
      checkLine(now, longest);
      lines.push({ text: vpasswdText(now), end: '\n' });
      changed.push(record);
    }
    if (changed.length > 0) await accounts.replace({ lines }, options(changed.length));
    return changed;
  });
}

/** The record with the change, as vpopmail writes it: all fields, numbers as numbers, a clear password where the domain keeps them. @throws VpopmailError */
function changedRecord(record: WholeRecord, change: AccountChange, style: AccountStyle): VpasswdRecord {
  const { secret, gecos, dir, quota, setFlags = 0, clearFlags = false } = change;
  if (secret !== undefined) checkHash(secret.hash);
  if (secret?.clear !== undefined) checkPassword(secret.clear);
  if (gecos !== undefined) checkGecos(gecos);
  if (dir !== undefined) checkDirectory(dir);
  const flags = (clearFlags ? 0 : accountNumber(record.gid)) | setFlags;
  const clear = secret === undefined ? record.clearPasswd : (secret.clear ?? '');
  return {
    name: record.name,
    passwd: secret?.hash ?? record.passwd,
    uid: storedNumber(record.uid),
    gid: String(flags | 0),
    gecos: gecos ?? record.gecos,
    dir: dir ?? record.dir,
    quota: quota ?? record.quota,
    clearPasswd: style.keepsClear ? clear : undefined,
  };
}

async function recordToChange(domain: DomainPlace, accounts: LockedAccounts, name: string): Promise<WholeRecord> {
  const inText = findRecord(accounts.text, name);
  if (inText !== undefined) return recordInIndex(domain, name) ?? inText;
  await accounts.mendIndex();
  throw new VpopmailError('userDoesNotExist');
}

/** undefined when the cdb has none, is not there or is no cdb: the change makes it anew. */
function recordInIndex(domain: DomainPlace, name: string): WholeRecord | undefined {
  const cdb = domainFiles.vpasswdCdb(domain.directory);
  try {
    const data = withCdb(cdb, (source) => cdbFind(source, name, cdb))?.value;
    return data === undefined ? undefined : wholeRecord(name, data.toString('latin1'));
  } catch (error) {
    if (error instanceof CorruptFileError) return undefined;
    throw error;
  }
}
