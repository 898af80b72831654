// What a client shows to prove who it is, and whether it is right for an account.
//
//   password      compared by crypt(3) with the hash in vpasswd
//   digest        POP3's APOP: MD5 of the banner's timestamp and the clear password, lower-case hexadecimal; SMTP's CRAM-MD5: HMAC-MD5 of the challenge. Only for
//                 accounts whose clear password is stored, and it alone counts: a hash that disagrees with it is not looked at
//   response      either, as vchkpw gets it on descriptor 3 without being told which: the digest is tried where a clear password is stored (APOP for POP3 that
//                 is not webmail, CRAM-MD5 for SMTP), then the hash
//
// Not copied: vchkpw takes an APOP digest for a password and the reverse, and lets no APOP login in from 127.0.0.1.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { LoginKind } from './login-service.js';
import type { PasswordChecker } from './password.js';

/** All texts are Latin-1. */
export type Secret =
  | { readonly password: string }
  | { readonly digest: string; readonly timestamp: string }
  | { readonly response: string; readonly timestamp: string };

/** What is stored of an account. */
export interface StoredSecret {
  readonly passwd: string;
  readonly clearPasswd: string | undefined;
  readonly domain: string;
}

/** The text that a log line about an empty password is about. */
export function secretText(secret: Secret): string {
  if ('password' in secret) return secret.password;
  return 'digest' in secret ? secret.digest : secret.response;
}

/** @throws Error when the hash cannot be computed here */
export async function isRightSecret(
  secret: Secret,
  stored: StoredSecret,
  kind: LoginKind,
  passwords: PasswordChecker,
): Promise<boolean> {
  if ('password' in secret) return passwords.verify(secret.password, stored.passwd, stored.domain);
  if ('digest' in secret) return isRightDigest(secret.digest, secret.timestamp, stored.clearPasswd, kind);
  if (kind === 'pop' || kind === 'smtp') {
    if (isRightDigest(secret.response, secret.timestamp, stored.clearPasswd, kind)) return true;
  }
  return passwords.verify(secret.response, stored.passwd, stored.domain);
}

function isRightDigest(digest: string, timestamp: string, clear: string | undefined, kind: LoginKind): boolean {
  const right = kind === 'smtp' ? cramMd5(timestamp, clear ?? '') : apop(timestamp, clear ?? '');
  const given = Buffer.from(digest, 'latin1');
  const isEqual = given.length === right.length && timingSafeEqual(given, Buffer.from(right, 'latin1'));
  return isEqual && clear !== undefined && clear !== '' && timestamp !== '';
}

/** RFC 1939 section 7. */
export function apop(timestamp: string, clear: string): string {
  return createHash('md5')
    .update(Buffer.from(timestamp + clear, 'latin1'))
    .digest('hex');
}

/** RFC 2195. */
function cramMd5(challenge: string, clear: string): string {
  return createHmac('md5', Buffer.from(clear, 'latin1')).update(Buffer.from(challenge, 'latin1')).digest('hex');
}
