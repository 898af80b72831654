// Guessing passwords: every login check is asked for first at a gate, and told to it when it is over. What the gate knows is shared by all processes of the daemon
// (auth/guessing/limits.ts says who is put off, and for how long).
//
//   enter           waits as long as this attempt has to, a few seconds at most; then it may go on, or is put off
//   over            once for every attempt that went on
//
//   right           the password was right: this address is known for this account from here on
//   wrong           it was not, or there is no such account; a wrong secret that was wrong before is no new guess
//   undecided       trouble of ours, or the client went away

import type { LoginService } from '../login-service.js';

export interface LoginAttempt {
  readonly service: LoginService;
  /** The client's address in ucspi-tcp's form; undefined when it has none (a unix socket). */
  readonly address: string | undefined;
  /** `user@domain` in lower case; what the client sent where that names none. */
  readonly account: string;
}

export type AttemptOutcome = 'right' | 'wrong' | 'undecided';

/** What is known of who attempts: that it was let in lately, nothing against it, or that it failed lately. Who is known, or clean, is served first. */
export type Standing = 'known' | 'clean' | 'suspect';

export type Admission =
  | {
      readonly isAdmitted: true;
      readonly standing: Standing;
      /** @param fingerprint of what was wrong (a keyed digest, never the secret); undefined when it cannot be compared */
      over(outcome: AttemptOutcome, fingerprint?: string): void;
    }
  | { readonly isAdmitted: false; readonly retrySeconds: number };

export interface LoginGate {
  /** Never rejects. */
  enter(attempt: LoginAttempt): Promise<Admission>;
}

/** A gate that lets everybody pass: of tools that are started for each login. */
export const openGate: LoginGate = {
  enter: async () => ({ isAdmitted: true, standing: 'clean', over() {} }),
};
