// The accounts of one domain, changed: vpasswd and vpasswd.cdb under the domain's lock.

import type { VpasswdDocument } from '../../formats/vpasswd.js';
import type { DomainPlace } from '../account-index.js';

export interface ReplaceAccountsOptions {
  /** The mode of the new vpasswd: 0600 unless given. */
  readonly mode?: number;
  /** Whether vpasswd.cdb follows; true unless given. */
  readonly index?: boolean;
}

/** A domain's accounts while its lock is held. */
export interface LockedAccounts {
  /** vpasswd as it stands; without lines when it is absent. */
  readonly document: VpasswdDocument;
  /** Replaces vpasswd and vpasswd.cdb. @throws TemporaryError, and both stay */
  replace(document: VpasswdDocument, options?: ReplaceAccountsOptions): Promise<void>;
}

/** Does `work` while nobody else changes the accounts of a domain. @throws TemporaryError when the lock stays taken, and whatever `work` throws */
export async function withAccounts<T>(
  _place: DomainPlace,
  _work: (accounts: LockedAccounts) => Promise<T>,
): Promise<T> {
  throw new Error('not there yet');
}

/** Changes the accounts of a domain: `change` gets vpasswd and gives it back, or undefined to leave all as it is. */
export async function changeAccounts(
  _place: DomainPlace,
  _change: (document: VpasswdDocument) => VpasswdDocument | undefined | Promise<VpasswdDocument | undefined>,
  _options?: ReplaceAccountsOptions,
): Promise<void> {
  throw new Error('not there yet');
}
