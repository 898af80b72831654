// The matching rule of control/badmailfrom: senders from whom no mail is taken.
//
//   spammer@example.com    that sender
//   @example.com           every sender at that domain, not below it
//
// ASCII case is ignored; the empty sender of bounces never matches (qmail-smtpd.c, formats/qmail.md 2.3).

import { lower } from '../../mail/address.js';

/**
 * Whether a sender is listed.
 * @param entries lower-case entries, as `parseSet` gives them
 */
export function isBadMailFrom(sender: string, entries: ReadonlySet<string>): boolean {
  if (sender === '' || entries.size === 0) return false;
  const address = lower(sender);
  if (entries.has(address)) return true;
  const at = address.lastIndexOf('@');
  return at >= 0 && entries.has(address.slice(at));
}
