// Where the mail of a user is, as Dovecot's userdb has it (formats/dovecot.md 6.5): for front ends that open mailboxes themselves.
//
//   USER 2 joe@example.jp service=lmtp      USER 2 joe@example.jp uid=89 gid=89 home=/home/vpopmail/domains/example.jp/joe quota_rule=*:bytes=10485760:messages=1000
//
// The mailbox is Maildir below home. An account is there whatever services are closed to it: who may log in is AUTH's affair.

import { nameLogin } from '../../auth/login.js';
import { CorruptFileError, describe, PermanentError, TemporaryError } from '../../errors.js';
import { isUnlimited, parseQuota } from '../../formats/quota.js';
import type { ServerAnswer } from '../../protocols/dovecot-auth.js';
import type { Domain } from '../../stores/domain.js';
import type { Host } from '../../stores/host.js';

/** Answers USER. Trouble is logged, and is a temporary failure. */
export function findUser(host: Host, id: number, name: string): ServerAnswer {
  try {
    const { user, domain } = nameLogin(host, name, undefined) ?? {};
    const account = user === undefined || user === '' ? undefined : domain?.account(user);
    if (domain === undefined || account === undefined) return { kind: 'not-found', id };
    // Made at the first login.
    if (account.directory === '')
      throw new TemporaryError('4.3.0', `${account.name}@${domain.name} has no directory yet`);
    const fields = placeOf(domain, account.directory, account.quota);
    return { kind: 'user', id, name: `${account.name}@${domain.name}`, fields };
  } catch (error) {
    const isKnown = [TemporaryError, CorruptFileError, PermanentError].some((known) => error instanceof known);
    if (isKnown) host.log.warning(`auth: ${name}: ${describe(error)}`);
    else host.log.alert(`auth: ${error instanceof Error ? error.stack : String(error)}`);
    return { kind: 'fail', id, code: 'temp_fail' };
  }
}

function placeOf({ uid, gid }: Domain, home: string, storedQuota: string): Readonly<Record<string, string>> {
  const quota = parseQuota(storedQuota);
  const limits = [
    ...(quota.sizeBytes === undefined ? [] : [`bytes=${quota.sizeBytes}`]),
    ...(quota.count === undefined ? [] : [`messages=${quota.count}`]),
  ];
  return {
    uid: `${uid}`,
    gid: `${gid}`,
    home,
    ...(!isUnlimited(quota) && { quota_rule: `*:${limits.join(':')}` }),
  };
}
