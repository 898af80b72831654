// Is this one of an account's addresses? One whose mail leads to the account, by the files that deliver it:
//
//   joe@example.jp, Joe@alias.example, joe-list@example.jp      the account itself, by an alias domain, with an extension
//   .qmail-sales:  &joe@example.jp                              an alias; also over several forwards and other accounts' .qmail
//   .qmail-info:   /home/vpopmail/domains/example.jp/joe/Maildir/
//   .qmail-default: ... joe@example.jp                          a catch-all: every name that nobody has
//
// Forwards are followed until the account is found, at most `mostAddresses` of them in all. What a program or a list does with mail is not known, so neither makes an address
// anybody's.

import { TemporaryError } from '../../errors.js';
import { accountFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import type { Delivery, Outcome } from '../accept.js';

const mostAddresses = 50;

export interface OwnerOfAddresses {
  readonly name: string;
  /** The real domain. */
  readonly domain: string;
  /** Disk path; may be empty. */
  readonly directory: string;
}

/**
 * Whether mail for an address (Latin-1, as in MAIL) leads to an account.
 * @throws TemporaryError when that cannot be told now
 */
export async function leadsTo(
  delivery: Pick<Delivery, 'resolve'>,
  account: OwnerOfAddresses,
  address: string,
): Promise<boolean> {
  const own = lower(`${account.name}@${account.domain}`);
  const maildir = account.directory === '' ? undefined : accountFiles.maildir(account.directory);
  const asked = new Set([lower(address)]);
  let untold: Extract<Outcome, { kind: 'defer' }> | undefined;
  // What is added in the loop is visited too.
  for (const next of asked) {
    if (next === own) return true;
    const { leads, outcome } = await delivery.resolve(next, { withLeads: true });
    if (leads?.accounts.some((found) => lower(found) === own)) return true;
    if (maildir !== undefined && leads?.maildirs.includes(maildir)) return true;
    if (outcome.kind === 'defer') untold ??= outcome;
    for (const found of leads?.addresses ?? [])
      if (asked.size < mostAddresses && found.includes('@')) asked.add(lower(found));
  }
  if (untold !== undefined) throw new TemporaryError(untold.status, untold.text, new Error(untold.cause));
  return false;
}
