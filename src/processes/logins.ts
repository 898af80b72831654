// The login check of one process, put together from what the daemon was told and what other processes do for it.

import { randomBytes } from 'node:crypto';
import { type LoginGate, openGate } from '../auth/guessing/gate.js';
import { Logins } from '../auth/logins.js';
import { PasswordChecker } from '../auth/password.js';
import { SaslLogin } from '../auth/sasl/sasl-login.js';
import { TrustedPeers } from '../net/trusted-peers.js';
import type { Settings } from '../settings.js';
import type { Host } from '../stores/host.js';

export interface LoginHelpers {
  /** What is known of guessers in all processes. */
  readonly gate?: LoginGate | undefined;
  /** Lets a client relay that has logged in. Never rejects. */
  readonly openRelay?: ((clientIp: string) => Promise<void>) | undefined;
}

export interface LoginServices {
  readonly logins: Logins;
  readonly sasl: SaslLogin;
}

export function openLogins(settings: Settings, host: Host, { gate, openRelay }: LoginHelpers): LoginServices {
  const logins = new Logins({
    host,
    passwords: new PasswordChecker(),
    gate: gate ?? openGate,
    key: randomBytes(32),
    openRelay,
  });
  const trusted = new TrustedPeers(settings.loginTrusted);
  return { logins, sasl: new SaslLogin({ host, logins, trusted, offersChallenges: () => true }) };
}
