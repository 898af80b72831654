// DIGEST-MD5 (RFC 2831): both sides show that they know the password, without sending it. Old (RFC 6331), but what Outlook Express and Eudora have.
//
//   S: realm="",nonce="OA6MG9tEQGm2hh",qop="auth",charset=utf-8,algorithm=md5-sess
//   C: charset=utf-8,username="chris@example.test",realm="",nonce="OA6MG9tEQGm2hh",nc=00000001,cnonce="OA6MHXh6VqTrRk",
//      digest-uri="smtp/mx.example.test",response=d388dad90d4bbd760a152321f2143af7,qop=auth
//   S: rspauth=ea40f60335c427b5527b84dbabcdfffd
//   C: (nothing)
//
// The last two stand without quotes, as in the RFC: curl takes no others (Dovecot writes them in quotes). The realm is offered empty, as Dovecot does: names here are whole addresses. A client that names a realm of its own means the domain of a name without one.
// Neither integrity nor confidentiality layers are offered, no second login with the same nonce, and no initial response.

import { parseDirectives } from './digest-md5-response.js';
import {
  malformed,
  refused,
  refusedForOther,
  type SaslAttempt,
  type SaslContext,
  type SaslMechanism,
  type SaslStep,
  say,
} from './exchange.js';

const longestResponse = 4096;

export function digestMd5({ nonce, service }: SaslContext): SaslMechanism {
  let state: 'begin' | 'response' | 'check' | 'last' | 'over' = 'begin';

  const respond = (bytes: Buffer): SaslStep => {
    const attempt = bytes.length > longestResponse ? undefined : attemptOf(bytes.toString('latin1'), nonce, service);
    if (attempt === undefined) return malformed;
    if (attempt === 'refused') return refusedForOther;
    state = 'check';
    return { kind: 'check', attempt };
  };

  return {
    name: 'DIGEST-MD5',
    begin(initial) {
      const isFirst = state === 'begin' && initial === undefined;
      state = isFirst ? 'response' : 'over';
      return isFirst ? say(`realm="",nonce="${nonce}",qop="auth",charset=utf-8,algorithm=md5-sess`) : malformed;
    },
    answer(bytes) {
      const before = state;
      state = 'over';
      if (before === 'response') return respond(bytes);
      return before === 'last' && bytes.length === 0 ? { kind: 'success' } : malformed;
    },
    decided(decision) {
      const isAsked = state === 'check';
      state = 'over';
      if (!isAsked) return malformed;
      if (!decision.ok) return refused;
      state = 'last';
      return { kind: 'say', bytes: Buffer.from(`rspauth=${decision.serverProof ?? ''}`, 'latin1'), isLast: true };
    },
  };
}

function attemptOf(text: string, nonce: string, service: string | undefined): SaslAttempt | 'refused' | undefined {
  const given = parseDirectives(text);
  const username = given?.get('username');
  const cnonce = given?.get('cnonce');
  const digestUri = given?.get('digest-uri');
  const response = given?.get('response')?.toLowerCase();
  if (given === undefined || !username || !cnonce || !digestUri || response === undefined) return undefined;
  if (given.get('nonce') !== nonce || given.get('nc') !== '00000001') return undefined;
  const qop = given.get('qop') ?? 'auth';
  if (qop !== 'auth' || !/^[0-9a-f]{32}$/.test(response)) return undefined;
  if (service !== undefined && digestUri.split('/', 1)[0]?.toLowerCase() !== service) return undefined;
  const authzid = given.get('authzid') || undefined;
  if (authzid !== undefined && authzid !== username) return 'refused';
  const realm = given.get('realm') ?? '';
  const login = realm === '' || /[@%/]/.test(username) ? username : `${username}@${realm}`;
  const digestMd5 = { username, realm, nonce, cnonce, nc: '00000001', qop, digestUri, authzid, response };
  return { login, proof: { digestMd5 } };
}
