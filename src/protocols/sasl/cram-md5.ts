// CRAM-MD5 (RFC 2195): the server sends a text that it never sent before, the client answers with its name and the HMAC-MD5 of that text under the password.
//
//   S: <17893.1896.697170952@postoffice.example.net>
//   C: tim b913a602c7eda7a495b4e6e7334d3890
//
// The name may hold spaces: the digest is what follows the last one. There is no initial response.

import { createHmac } from 'node:crypto';
import { malformed, type SaslContext, type SaslMechanism, say } from './exchange.js';
import { endOf } from './plain.js';

export function cramMd5({ nonce, unixSeconds, host }: SaslContext): SaslMechanism {
  const challenge = `<${nonce}.${unixSeconds}@${host}>`;
  let state: 'begin' | 'answer' | 'check' | 'over' = 'begin';
  return {
    name: 'CRAM-MD5',
    begin(initial) {
      const isFirst = state === 'begin' && initial === undefined;
      state = isFirst ? 'answer' : 'over';
      return isFirst ? say(challenge) : malformed;
    },
    answer(bytes) {
      const isExpected = state === 'answer';
      state = 'over';
      const [, login, digest] = /^([^\0]+) ([0-9A-Fa-f]{32})$/.exec(bytes.toString('latin1')) ?? [];
      if (!isExpected || login === undefined || digest === undefined) return malformed;
      state = 'check';
      const proof = { cramMd5: { challenge, digest: digest.toLowerCase() } };
      return { kind: 'check', attempt: { login, proof } };
    },
    decided(decision) {
      const isAsked = state === 'check';
      state = 'over';
      return isAsked ? endOf(decision) : malformed;
    },
  };
}

/** The digest that is right for a password, lower-case hexadecimal. */
export function cramMd5Digest(challenge: string, password: string): string {
  return createHmac('md5', Buffer.from(password, 'latin1')).update(Buffer.from(challenge, 'latin1')).digest('hex');
}
