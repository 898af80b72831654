// The mechanisms by name, and which of them a client is offered:
//
//   PLAIN LOGIN                        the password itself is sent: only where nobody can listen, or nobody minds
//   CRAM-MD5 DIGEST-MD5 SCRAM-SHA-*    only where clear passwords are stored: a client that finds them in the list uses them, and would always fail
//   ...-PLUS                           over TLS besides
//
// What is not offered is not begun either.

import { cramMd5 } from './cram-md5.js';
import { digestMd5 } from './digest-md5.js';
import type { MechanismName, SaslContext, SaslMechanism } from './exchange.js';
import { login } from './login.js';
import { plain } from './plain.js';
import { scram } from './scram.js';

/** All, in the order in which they are offered. */
export const mechanismNames: readonly MechanismName[] = [
  'PLAIN',
  'LOGIN',
  'CRAM-MD5',
  'DIGEST-MD5',
  'SCRAM-SHA-1',
  'SCRAM-SHA-256',
  'SCRAM-SHA-1-PLUS',
  'SCRAM-SHA-256-PLUS',
];

/** Whether the password itself goes over the wire. */
export function sendsPassword(name: MechanismName): boolean {
  return name === 'PLAIN' || name === 'LOGIN';
}

export interface OfferConditions {
  /** Whether a password may be sent as it is. */
  readonly mayPasswordBeSent: boolean;
  /** Whether accounts have clear passwords. */
  readonly hasClearPasswords: boolean;
  /** Whether the connection has channel bindings. */
  readonly hasChannelBinding: boolean;
  /** Those that the host serves at all; all unless given. */
  readonly enabled?: readonly MechanismName[] | undefined;
}

export function offeredMechanisms(conditions: OfferConditions): MechanismName[] {
  const { mayPasswordBeSent, hasClearPasswords, hasChannelBinding, enabled = mechanismNames } = conditions;
  return mechanismNames.filter((name) => {
    if (!enabled.includes(name)) return false;
    if (sendsPassword(name)) return mayPasswordBeSent;
    return hasClearPasswords && (hasChannelBinding || !name.endsWith('-PLUS'));
  });
}

/** The mechanism with this name in any case; undefined for none. */
export function mechanismName(text: string): MechanismName | undefined {
  const wanted = text.toUpperCase();
  return mechanismNames.find((name) => name === wanted);
}

/** Begins an exchange. */
export function startMechanism(name: MechanismName, context: SaslContext): SaslMechanism {
  switch (name) {
    case 'PLAIN':
      return plain();
    case 'LOGIN':
      return login();
    case 'CRAM-MD5':
      return cramMd5(context);
    case 'DIGEST-MD5':
      return digestMd5(context);
    default:
      return scram(
        name.startsWith('SCRAM-SHA-1-') || name === 'SCRAM-SHA-1' ? 'sha1' : 'sha256',
        name.endsWith('-PLUS'),
        context,
      );
  }
}
