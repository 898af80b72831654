// The client's side of each SASL mechanism, for any protocol that carries the bytes.

import { createHmac, pbkdf2Sync } from 'node:crypto';
import { digestMd5Answers, parseDirectives } from '../../src/protocols/sasl/digest-md5-response.js';
import type { MechanismName } from '../../src/protocols/sasl/exchange.js';
import { clientProof, type ScramHash, scramHashBytes } from '../../src/protocols/sasl/scram-proof.js';

export interface SaslTalk {
  /** What is sent with the mechanism's name; undefined for mechanisms in which the server begins. */
  readonly initial: Buffer | undefined;
  /** Answers a challenge. */
  answer(challenge: Buffer): Buffer;
}

export const saslMechanisms = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256'] as const;

export interface SaslTalkOptions {
  /** As DIGEST-MD5's digest-uri names it; smtp unless given. */
  readonly service?: 'smtp' | 'pop' | 'imap';
  /** The channel binding of -PLUS. */
  readonly binding?: { readonly type: string; readonly data: Buffer };
}

/** Begins an exchange. Texts are Latin-1. */
export function saslTalk(
  mechanism: MechanismName,
  user: string,
  password: string,
  options: SaslTalkOptions = {},
): SaslTalk {
  switch (mechanism) {
    case 'PLAIN':
      return { initial: bytes(`\0${user}\0${password}`), answer: () => bytes('') };
    case 'LOGIN':
      return {
        initial: undefined,
        answer: (challenge) => bytes(challenge.toString() === 'Username:' ? user : password),
      };
    case 'CRAM-MD5':
      return {
        initial: undefined,
        answer: (challenge) => bytes(`${user} ${createHmac('md5', bytes(password)).update(challenge).digest('hex')}`),
      };
    case 'DIGEST-MD5':
      return digest(user, password, options.service ?? 'smtp');
    default:
      return scram(mechanism.startsWith('SCRAM-SHA-256') ? 'sha256' : 'sha1', user, password, options.binding);
  }
}

function digest(username: string, password: string, service: string): SaslTalk {
  return {
    initial: undefined,
    answer(challenge) {
      const directives = parseDirectives(challenge.toString('latin1'));
      if (directives?.has('rspauth')) return bytes('');
      const nonce = directives?.get('nonce') ?? '';
      const realm = directives?.get('realm') ?? '';
      const given = {
        username,
        realm,
        nonce,
        cnonce: 'OA6MHXh6VqTrRk',
        nc: '00000001',
        qop: 'auth',
        digestUri: `${service}/x`,
      };
      const [right] = digestMd5Answers({ ...given, authzid: undefined, response: '' }, password);
      const fields = `username="${username}",realm="${realm}",nonce="${nonce}",cnonce="${given.cnonce}",nc=${given.nc},qop=auth`;
      return bytes(`charset=utf-8,${fields},digest-uri="${given.digestUri}",response=${right?.response}`);
    },
  };
}

function scram(hash: ScramHash, user: string, password: string, binding: SaslTalkOptions['binding']): SaslTalk {
  const header = binding === undefined ? 'n,,' : `p=${binding.type},,`;
  const channel = Buffer.concat([bytes(header), binding?.data ?? bytes('')]).toString('base64');
  const bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=fyko+d2lbbFgONRv9qkxdawL`;
  return {
    initial: bytes(header + bare),
    answer(challenge) {
      const serverFirst = challenge.toString('latin1');
      const [, nonce, salt = '', iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)/.exec(serverFirst) ?? [];
      if (nonce === undefined) return bytes('');
      const salted = pbkdf2Sync(
        bytes(password),
        Buffer.from(salt, 'base64'),
        Number(iterations),
        scramHashBytes[hash],
        hash,
      );
      const withoutProof = `c=${channel},r=${nonce}`;
      return bytes(`${withoutProof},p=${clientProof(hash, salted, `${bare},${serverFirst},${withoutProof}`)}`);
    },
  };
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
