// Sets the password of an account: its hash, and its clear text where the domain keeps that (formats/vpopmail.md 9.4, vpasswd). For vpopmail an account that is not
// there, and one whose password may not be changed, are both `Illegal username`.

import { effectiveFlags } from '../../formats/vpopmail/domain-limits.js';
import { accountNumber } from '../../formats/vpopmail/vpasswd.js';
import { hasFlag } from '../../formats/vpopmail/vpasswd-flags.js';
import type { ReplaceAccountsOptions } from '../../stores/accounts/user-database.js';
import type { Host } from '../../stores/host.js';
import { VpopmailError } from '../vpopmail-error.js';
import { checkLengths, checkPassword } from './account-rules.js';
import { Hasher, styleOf } from './account-style.js';
import { changeUser } from './change-users.js';
import { domainToChange } from './domain-access.js';
import { schemeOf } from './new-account.js';

export interface SetPasswordRequest {
  readonly name: string;
  readonly domain: string;
  /** Latin-1; '' is a password like any other. */
  readonly password: string;
  /** The domain's own unless given. */
  readonly scheme?: string | undefined;
}

const unknown: ReadonlySet<string> = new Set(['domainDoesNotExist', 'userDoesNotExist', 'invalidUid']);

/**
 * Sets a password.
 * @param options the mode of the new vpasswd
 * @throws VpopmailError Illegal username, password too long, Crypt failed; TemporaryError
 */
export async function setPassword(
  host: Host,
  request: SetPasswordRequest,
  options?: ReplaceAccountsOptions,
): Promise<void> {
  const { name, password } = request;
  checkLengths(name, request.domain);
  checkPassword(password);
  const scheme = schemeOf(request);
  try {
    const domain = domainToChange(host, request.domain);
    const style = styleOf(host, domain, scheme);
    const hash = await new Hasher().hash(password, style.prefix);
    const limits = domain.limits();
    const change = (record: { gid: string }) => {
      if (hasFlag(effectiveFlags(accountNumber(record.gid), limits), 'NO_PASSWD_CHNG'))
        throw new VpopmailError('illegalUsername');
      return { secret: { hash, clear: password } };
    };
    await changeUser(domain, name, style, change, options);
  } catch (error) {
    if (error instanceof VpopmailError && unknown.has(error.kind))
      throw new VpopmailError('illegalUsername', undefined, error);
    throw error;
  }
}
