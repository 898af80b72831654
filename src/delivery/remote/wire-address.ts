// Addresses as they are written into MAIL and RCPT (qmail-remote's addrmangle; RFC 6531 for those that are not ASCII).
//
//   a b@example.jp      "a b"@example.jp       the local part quoted where qmail quotes it, the domain as it is
//   nobody              nobody                 without an `@` as it is
//   jürgen@müller.example                      with SMTPUTF8 as it is; without it only when the local part is ASCII, and then with the domain's ASCII form
//
// qmail sends bytes above 127 to every server. Here a server that does not say that it understands them is not given them: what it would make of them is another address.

import { isUtf8 } from 'node:buffer';
import { domainToASCII } from 'node:url';
import { quoteLocalPart, splitAddress } from '../../mail/address.js';

/** An address that this server cannot be given. */
export const needsUtf8: unique symbol = Symbol('SMTPUTF8 is needed');

/** Whether an address would break the command that it is put into. */
export function breaksLine(address: string): boolean {
  return /[\r\n\0]/.test(address);
}

export function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}

/** @param takesUtf8 whether the server offers SMTPUTF8 */
export function wireAddress(address: string, takesUtf8: boolean): string | typeof needsUtf8 {
  const { local, domain } = splitAddress(address);
  if (domain === undefined) return isAscii(address) ? address : needsUtf8;
  if (isAscii(address)) return `${quoteLocalPart(local)}@${domain}`;
  if (!isUtf8(Buffer.from(address, 'latin1'))) return needsUtf8;
  if (takesUtf8) return `${quoteUtf8(local)}@${domain}`;
  const ascii = isAscii(local) ? domainToASCII(Buffer.from(domain, 'latin1').toString('utf8')) : '';
  return ascii === '' ? needsUtf8 : `${quoteLocalPart(local)}@${ascii}`;
}

/** Bytes above 127 are atoms here; whether quotes are needed is for the others to say. */
function quoteUtf8(local: string): string {
  const masked = local.replace(/[\x80-\xff]/g, 'x');
  return quoteLocalPart(masked) === masked ? local : quoteLocalPart(local);
}
