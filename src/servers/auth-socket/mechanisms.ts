// What is said of each mechanism in the greeting, so that a front end can choose among them: Postfix's smtpd_sasl_security_options (`noplaintext` takes away what has `plaintext`, `nodictionary` what
// has `dictionary`, ...), as Dovecot 2.3 says it (formats/dovecot.md 6.2).

import type { AdvertisedMechanism, MechanismTrait } from '../../protocols/dovecot-auth.js';
import type { MechanismName } from '../../protocols/sasl/exchange.js';

const traits: Readonly<Record<MechanismName, readonly MechanismTrait[]>> = {
  PLAIN: ['plaintext'],
  LOGIN: ['plaintext'],
  'CRAM-MD5': ['dictionary', 'active'],
  'DIGEST-MD5': ['dictionary', 'active', 'mutual-auth'],
  'SCRAM-SHA-1': ['mutual-auth'],
  'SCRAM-SHA-256': ['mutual-auth'],
  'SCRAM-SHA-1-PLUS': ['mutual-auth'],
  'SCRAM-SHA-256-PLUS': ['mutual-auth'],
};

/** A mechanism as the greeting names it. */
export function advertised(name: MechanismName): AdvertisedMechanism {
  return { name, traits: traits[name] };
}
