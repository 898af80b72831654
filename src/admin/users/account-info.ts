// What vuserinfo tells of an account beyond its fields: the limits in force, how full it is, who logged in last (formats/vpopmail.md 9.4, 5.3, 7.1).

import fs from 'node:fs';
import { errnoOf, TemporaryError } from '../../errors.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { type DomainLimits, effectiveFlags } from '../../formats/vpopmail/domain-limits.js';
import { exceeds, isUnlimited, parseQuota, percentUsed } from '../../formats/vpopmail/quota.js';
import { accountNumber } from '../../formats/vpopmail/vpasswd.js';
import { type AccountFlag, hasFlag } from '../../formats/vpopmail/vpasswd-flags.js';
import { accountFiles } from '../../layout.js';
import type { Domain } from '../../stores/domains/domain.js';
import { countUsage, knownUsage } from '../../stores/maildir/maildirsize.js';

/** Who logged in last; without `address` nobody has, and `time` is when the account was made. Times are Unix seconds. */
export interface LastLogin {
  readonly time: number;
  readonly address: string | undefined;
}

const limitTexts: ReadonlyArray<readonly [AccountFlag, string]> = [
  ['NO_PASSWD_CHNG', 'password can not be changed by user'],
  ['NO_POP', 'pop access closed'],
  ['NO_WEBMAIL', 'webmail access closed'],
  ['NO_IMAP', 'imap access closed'],
  ['NO_SMTP', 'smtp access is closed'],
  ['NO_RELAY', 'user not allowed to relay mail'],
  ['NO_SPAMASSASSIN', 'spamassassin processing disabled'],
  ['DELETE_SPAM', 'delete spam'],
  ['NO_MAILDROP', 'maildrop processing disabled'],
  ['NO_DIALUP', 'no dialup flag has been set'],
  ['BOUNCE_MAIL', 'mail will be bounced back to sender'],
  ['QA_ADMIN', 'has qmailadmin administrator access'],
  ['SA_ADMIN', 'has system administrator access'],
  ['SA_EXPERT', 'has expert access'],
  ['V_USER0', 'user flag 0 is set'],
  ['V_USER1', 'user flag 1 is set'],
  ['V_USER2', 'user flag 2 is set'],
  ['V_USER3', 'user flag 3 is set'],
  ['V_OVERRIDE', 'user is not subject to domain limits'],
];

/** A flag in force. */
export interface ShownLimit {
  readonly flag: AccountFlag;
  readonly text: string;
  /** Whether only the domain's limits set it. */
  readonly byDomain: boolean;
}

/** The flag word in force, and what it says in vuserinfo's order. Limits that cannot be read limit nothing here, as for vuserinfo. */
export function limitsInForce(domain: Domain, gid: string): { flags: number; limits: ShownLimit[] } {
  const own = accountNumber(gid);
  const flags = effectiveFlags(own, readableLimits(domain));
  const limits = limitTexts
    .filter(([flag]) => hasFlag(flags, flag))
    .map(([flag, text]) => ({ flag, text, byDomain: !hasFlag(own, flag) }));
  return { flags, limits };
}

/**
 * How full an account is, in percent, at most 100; undefined when its quota is NOQUOTA. May make maildirsize anew.
 * @param directory the account's (disk path)
 * @param quota as it is stored
 * @param mode of a new maildirsize
 * @throws TemporaryError, the system error
 */
export async function usedPercent(
  domain: Domain,
  directory: string,
  quota: string,
  mode: number,
): Promise<number | undefined> {
  if (quota.startsWith('NO')) return undefined;
  const limit = parseQuota(quota);
  if (isUnlimited(limit) || directory === '') return 0;
  const maildir = accountFiles.maildir(directory);
  const count = () => countUsage(maildir, quota, { uid: domain.uid, gid: domain.gid }, mode);
  const known = knownUsage(maildir, Date.now()) ?? (await count());
  const usage = exceeds(known.usage, limit) && !known.isFreshCount ? (await count()).usage : known.usage;
  return Math.min(100, percentUsed(usage, limit));
}

/** undefined when there is no lastauth, or it cannot be read. @param directory the account's (disk path) */
export function lastLogin(directory: string): LastLogin | undefined {
  if (directory === '') return undefined;
  const file = accountFiles.lastauth(directory);
  try {
    const text = readIfPresent(file);
    const status = fs.statSync(bytesPath(file), { throwIfNoEntry: false });
    if (text === undefined || status === undefined) return undefined;
    const [address = ''] = text.toString('latin1').split('\n');
    return { time: Math.floor(status.mtimeMs / 1000), address: address === '0.0.0.0' ? undefined : address };
  } catch (error) {
    if (error instanceof TemporaryError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

function readableLimits(domain: Domain): DomainLimits | undefined {
  try {
    return domain.limits();
  } catch (error) {
    if (error instanceof TemporaryError) return undefined;
    throw error;
  }
}
