// Where the mail of a user is, as Dovecot's userdb has it (formats/dovecot.md 6.5): for front ends that open mailboxes themselves.
//
//   USER 2 joe@example.jp service=lmtp      USER 2 joe@example.jp uid=89 gid=89 home=/home/vpopmail/domains/example.jp/joe quota_rule=*:bytes=10485760:messages=1000
//
// The mailbox is Maildir below home. An account is there whatever services are closed to it: who may log in is AUTH's affair.

import { nameLogin } from '../../auth/login.js';
import { CorruptFileError, describe, PermanentError, TemporaryError } from '../../errors.js';
import { parseQuota } from '../../formats/vpopmail/quota.js';
import type { ServerAnswer } from '../../protocols/dovecot-auth.js';
import type { Account, Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';

/** What is known of a user: plain data. `fields` in order, as Dovecot's userdb has them. */
export type UserPlace =
  | { readonly kind: 'found'; readonly name: string; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: 'unknown' }
  /** It has been logged. */
  | { readonly kind: 'trouble' };

/** Asks the process of another uid about a user of its domain; undefined where this process is the one to look. @throws TemporaryError */
export type FindUserElsewhere = (domain: Domain, name: string) => Promise<UserPlace | undefined>;

/** Looks a user up, wherever its domain's files can be read. Never rejects. */
export async function findUser(host: Host, name: string, elsewhere?: FindUserElsewhere): Promise<UserPlace> {
  try {
    const { user = '', domain } = nameLogin(host, name, undefined) ?? {};
    if (domain === undefined || user === '') return { kind: 'unknown' };
    const there = await elsewhere?.(domain, name);
    if (there !== undefined) return there;
    const account = domain.account(user);
    return account === undefined ? { kind: 'unknown' } : placeOf(domain, account);
  } catch (error) {
    const isKnown = [TemporaryError, CorruptFileError, PermanentError].some((known) => error instanceof known);
    if (isKnown) host.log.warning(`auth: ${name}: ${describe(error)}`);
    else host.log.alert(`auth: ${error instanceof Error ? error.stack : String(error)}`);
    return { kind: 'trouble' };
  }
}

/** The answer to USER. */
export function userAnswer(id: number, place: UserPlace): ServerAnswer {
  if (place.kind === 'found') return { kind: 'user', id, name: place.name, fields: place.fields };
  return place.kind === 'unknown' ? { kind: 'not-found', id } : { kind: 'fail', id, code: 'temp_fail' };
}

/** @throws TemporaryError for an account whose directory is made at its first login */
function placeOf({ name: domain, uid, gid }: Domain, { name, directory, quota: stored }: Account): UserPlace {
  if (directory === '') throw new TemporaryError('4.3.0', `${name}@${domain} has no directory yet`);
  const rule = quotaRule(stored);
  const place = { uid: `${uid}`, gid: `${gid}`, home: directory };
  const fields = rule === undefined ? place : { ...place, quota_rule: rule };
  return { kind: 'found', name: `${name}@${domain}`, fields };
}

/** In Dovecot's form; undefined: no limit. */
function quotaRule(stored: string): string | undefined {
  const { sizeBytes, count } = parseQuota(stored);
  const limits = [
    ...(sizeBytes === undefined ? [] : [`bytes=${sizeBytes}`]),
    ...(count === undefined ? [] : [`messages=${count}`]),
  ];
  return limits.length === 0 ? undefined : `*:${limits.join(':')}`;
}
