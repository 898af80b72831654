// SCRAM-SHA-1 (RFC 5802) and SCRAM-SHA-256 (RFC 7677), and each with -PLUS, where the login is bound to the TLS connection, so that nobody in the middle can pass it on.
//
//   C: n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL
//   S: r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096
//   C: c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=
//   S: v=rmF9pqV8S7suAoZWja4dJRkFsKQ=
//   C: (nothing)
//
// The first field says how the client sees channel binding: `n` it has none, `y` it has but believes that we have not, `p=TYPE` it uses one. `y` although we offered
// -PLUS means that somebody took it out of our list: refused.
//
// The salt has to be the same at every login of a name, and must exist for names that do not: it is made of the name. The secret that it salts is computed at each login from
// the clear password and stored nowhere, so the salt protects nothing at rest.
//
// A name is written with `=2C` for a comma and `=3D` for `=`. Extensions (`m=`) are refused, as they must be.

import { createHash } from 'node:crypto';
import {
  type MechanismName,
  malformed,
  refused,
  refusedForOther,
  refusedSince,
  type SaslContext,
  type SaslMechanism,
  type SaslStep,
  say,
} from './exchange.js';
import { type ScramHash, scramHashBytes } from './scram-proof.js';

/** What RFC 7677 asks for at least. */
const iterations = 4096;
const longestMessage = 4096;

const inBetween = 'somebody is between it and this host';
const otherChannel = refusedSince(`the client is at the end of another TLS connection than this one: ${inBetween}`);
const downgraded = refusedSince(`the client was not shown the -PLUS mechanisms of this host: ${inBetween}`);

interface FirstMessage {
  readonly login: string;
  readonly gs2Header: string;
  readonly binding: string | undefined;
  readonly bare: string;
  readonly serverFirst: string;
  readonly nonce: string;
  readonly salt: string;
}

export function scram(hash: ScramHash, isPlus: boolean, context: SaslContext): SaslMechanism {
  let state: 'begin' | 'first' | 'final' | 'check' | 'last' | 'over' = 'begin';
  let first: FirstMessage | undefined;

  const takeFirst = (bytes: Buffer): SaslStep => {
    state = 'over';
    const read = bytes.length > longestMessage ? undefined : readFirst(bytes.toString('latin1'), isPlus, context);
    if (read === undefined) return malformed;
    if ('kind' in read) return read;
    first = read;
    state = 'final';
    return say(read.serverFirst);
  };

  const takeFinal = (bytes: Buffer): SaslStep => {
    state = 'over';
    const text = bytes.toString('latin1');
    const [, withoutProof, proof = ''] = /^(c=[^,]*,r=[^,]*(?:,[^,]*)*),p=([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
    if (first === undefined || withoutProof === undefined || bytes.length > longestMessage) return malformed;
    const [channel, nonce] = withoutProof.split(',');
    if (nonce !== `r=${first.nonce}` || Buffer.from(proof, 'base64').length !== scramHashBytes[hash]) return malformed;
    if (channel !== `c=${boundChannel(first, context)}`) return otherChannel;
    state = 'check';
    const authMessage = `${first.bare},${first.serverFirst},${withoutProof}`;
    return {
      kind: 'check',
      attempt: { login: first.login, proof: { scram: { hash, salt: first.salt, iterations, authMessage, proof } } },
    };
  };

  return {
    name: nameOf(hash, isPlus),
    begin(initial) {
      const isFirst = state === 'begin';
      state = 'over';
      if (!isFirst) return malformed;
      if (initial !== undefined) return takeFirst(initial);
      state = 'first';
      return say('');
    },
    answer(bytes) {
      if (state === 'first') return takeFirst(bytes);
      if (state === 'final') return takeFinal(bytes);
      const isEnd = state === 'last' && bytes.length === 0;
      state = 'over';
      return isEnd ? { kind: 'success' } : malformed;
    },
    decided(decision) {
      const isAsked = state === 'check';
      state = 'over';
      if (!isAsked) return malformed;
      if (!decision.ok) return refused;
      state = 'last';
      return { kind: 'say', bytes: Buffer.from(`v=${decision.serverProof ?? ''}`, 'latin1'), isLast: true };
    },
  };
}

function nameOf(hash: ScramHash, isPlus: boolean): MechanismName {
  const base = hash === 'sha1' ? 'SCRAM-SHA-1' : 'SCRAM-SHA-256';
  return isPlus ? `${base}-PLUS` : base;
}

function readFirst(text: string, isPlus: boolean, context: SaslContext): FirstMessage | SaslStep | undefined {
  const match = /^((?:n|y|p=([A-Za-z0-9.-]+)),(?:a=([^,]*))?,)(n=([^,]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,]*)*)$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, gs2Header = '', binding, writtenFor, bare = '', written = '', clientNonce = ''] = match;
  const login = unescaped(written);
  const authzid = writtenFor === undefined ? undefined : unescaped(writtenFor);
  if (login === undefined || (writtenFor !== undefined && authzid === undefined)) return undefined;
  if (isPlus !== (binding !== undefined)) return undefined;
  const bindings = context.channelBindings;
  const isDowngraded = gs2Header.startsWith('y') && bindings !== undefined && bindings.size > 0;
  if (isDowngraded) return downgraded;
  if (binding !== undefined && !bindings?.has(binding))
    return refusedSince(`there is no ${binding} of this connection`);
  if (authzid !== undefined && authzid !== login) return refusedForOther;
  const nonce = clientNonce + context.nonce;
  const salt = saltOf(login, context.host);
  return { login, gs2Header, binding, bare, serverFirst: `r=${nonce},s=${salt},i=${iterations}`, nonce, salt };
}

function unescaped(name: string): string | undefined {
  if (/=(?!2C|3D)|\0/.test(name)) return undefined;
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function boundChannel({ gs2Header, binding }: FirstMessage, { channelBindings }: SaslContext): string {
  const data = binding === undefined ? undefined : channelBindings?.get(binding);
  return Buffer.concat([Buffer.from(gs2Header, 'latin1'), data ?? Buffer.alloc(0)]).toString('base64');
}

function saltOf(login: string, host: string): string {
  const name = `scram salt\0${host}\0${login.toLowerCase()}`;
  return createHash('sha256').update(Buffer.from(name, 'latin1')).digest().subarray(0, 16).toString('base64');
}
