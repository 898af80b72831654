// The arithmetic of DIGEST-MD5 (RFC 2831 2.1.2.1), and its directives.
//
//   A1 = MD5(user:realm:password) 16 raw bytes, then :nonce:cnonce[:authzid]      A2 = AUTHENTICATE:uri, and :uri for what the server answers
//   response = hex(MD5(hex(MD5(A1)):nonce:nc:cnonce:auth:hex(MD5(A2))))
//
// With charset=utf-8, user, realm and password are hashed in ISO 8859-1 if they can be written in it, else in UTF-8; without charset they are ISO 8859-1 in any case. Which
// of the two a password file holds cannot be known, so either is right.

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';

/** What a client answered to the challenge: its directives, unquoted. */
export interface DigestMd5Response {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly cnonce: string;
  readonly nc: string;
  readonly qop: string;
  readonly digestUri: string;
  readonly authzid: string | undefined;
  /** 32 lower-case hexadecimal digits. */
  readonly response: string;
}

/** The texts that would be right for a password: the client's, and what the server then answers, for each way of hashing. */
export function digestMd5Answers(
  given: DigestMd5Response,
  password: string,
): readonly { readonly response: string; readonly rspauth: string }[] {
  return [...new Set([asItIs, asLatin1])].map((spelled) => {
    const secret = md5(`${spelled(given.username)}:${spelled(given.realm)}:${spelled(password)}`);
    const authzid = given.authzid === undefined ? '' : `:${given.authzid}`;
    const a1 = md5(Buffer.concat([secret, bytes(`:${given.nonce}:${given.cnonce}${authzid}`)])).toString('hex');
    const answer = (a2: string): string =>
      md5(`${a1}:${given.nonce}:${given.nc}:${given.cnonce}:${given.qop}:${md5(a2).toString('hex')}`).toString('hex');
    return { response: answer(`AUTHENTICATE:${given.digestUri}`), rspauth: answer(`:${given.digestUri}`) };
  });
}

function asItIs(text: string): string {
  return text;
}

function asLatin1(text: string): string {
  const raw = bytes(text);
  if (!isUtf8(raw)) return text;
  const decoded = raw.toString('utf8');
  return /^[\x00-\xff]*$/.test(decoded) ? decoded : text;
}

function md5(data: string | Buffer): Buffer {
  return createHash('md5')
    .update(typeof data === 'string' ? bytes(data) : data)
    .digest();
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Directives, `name=value,name="quoted \" value"`, by lower-case name. undefined for a broken text or a name that stands twice. */
export function parseDirectives(text: string): ReadonlyMap<string, string> | undefined {
  const directives = new Map<string, string>();
  let end = text.length;
  while (end > 0 && /[\s,]/.test(text.charAt(end - 1))) end--;
  const one = /[\s,]*([A-Za-z0-9_-]+)[ \t]*=[ \t]*(?:"((?:[^"\\\0]|\\[^\0])*)"|([^\s,"\0]*))[ \t]*(?:,|$)/y;
  while (one.lastIndex < end) {
    const match = one.exec(text);
    if (match === null) return undefined;
    const [, name = '', quoted, token = ''] = match;
    const key = name.toLowerCase();
    if (directives.has(key)) return undefined;
    directives.set(key, quoted?.replace(/\\([\s\S])/g, '$1') ?? token);
  }
  return directives;
}
