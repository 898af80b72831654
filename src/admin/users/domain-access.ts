// Which domain is meant, and may this process change it? vpopmail's rule (formats/vpopmail.md 2.5): effective uid 0, or exactly the domain's. In a tree that an ordinary
// user made (tests, the demo), also the owner of the domain's directory.

import { statusOf } from '../../files/identity.js';
import { bytesPath, fileTrouble } from '../../files/read.js';
import { accountNumber } from '../../formats/vpopmail/vpasswd.js';
import { hasFlag } from '../../formats/vpopmail/vpasswd-flags.js';
import { lower } from '../../mail/address.js';
import type { DomainPlace } from '../../stores/accounts/account-index.js';
import type { Domain } from '../../stores/domains/domain.js';
import { giveLimits } from '../../stores/domains/limits-file.js';
import type { Host } from '../../stores/host.js';
import { VpopmailError } from '../vpopmail-error.js';

/** A domain (or alias domain) that this process may change. @throws VpopmailError Domain does not exist, running as invalid uid; TemporaryError */
export function domainToChange(host: Host, name: string): Domain {
  const domain = name === '' ? undefined : host.domain(lower(name));
  if (domain === undefined) throw new VpopmailError('domainDoesNotExist');
  if (!mayAdminister(domain)) throw new VpopmailError('invalidUid');
  return domain;
}

/** The domain's limits are given to it when an account is looked at that they count for. @param gid the account's flags, as stored */
export function giveLimitsWith(domain: DomainPlace, { gid }: { readonly gid: string }): void {
  if (!hasFlag(accountNumber(gid), 'V_OVERRIDE')) giveLimits(domain);
}

/** @throws TemporaryError when the directory cannot be looked at */
export function mayAdminister({ directory, uid }: DomainPlace): boolean {
  const me = process.geteuid?.();
  if (me === undefined || me === 0 || me === uid) return true;
  try {
    return statusOf(bytesPath(directory))?.uid === BigInt(me);
  } catch (error) {
    throw fileTrouble(error);
  }
}
