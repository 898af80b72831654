// The login check of one process, put together from what the daemon was told and what other processes do for it.

import { type LoginGate, openGate } from '../../auth/guessing/gate.js';
import { type LoginElsewhere, Logins } from '../../auth/logins.js';
import { PasswordChecker } from '../../auth/password.js';
import type { HashSuccessors } from '../../auth/rehash/successors.js';
import { SaslLogin } from '../../auth/sasl/sasl-login.js';
import { TrustedPeers } from '../../net/trusted-peers.js';
import type { Settings } from '../../settings.js';
import type { Host } from '../../stores/host.js';
import type { SharedLoginTerms } from '../messages.js';
import { type Announce, openRehasher } from './rehash.js';

/** What the processes of a daemon have in common about logins. */
export interface SharedLogins {
  readonly gate: LoginGate;
  readonly key: Buffer;
  /** Whether mechanisms are offered that need a clear password. */
  readonly areChallengesOffered: () => boolean;
}

export interface LoginHelpers {
  /** Without it there is no gate, and no SASL that needs a clear password: of processes that check what another has let pass. */
  readonly shared?: SharedLogins | undefined;
  /** Lets a client relay that has logged in. Never rejects. */
  readonly openRelay?: ((clientIp: string) => Promise<void>) | undefined;
  /** How the processes of other uids decide. */
  readonly elsewhere?: LoginElsewhere | undefined;
  /** Tells all processes that hashes get others with the same passwords; only this one hears of it unless given. */
  readonly announce?: Announce | undefined;
}

export interface LoginServices {
  readonly logins: Logins;
  readonly sasl: SaslLogin;
}

/** @param successors are noted by this process itself where nobody else announces them */
export function openLogins(
  settings: Settings,
  host: Host,
  successors: HashSuccessors,
  { shared, openRelay, elsewhere, announce }: LoginHelpers,
): LoginServices {
  const passwords = new PasswordChecker(undefined, { keepMs: settings.loginCacheMs });
  const here: Announce = async (successions) => successors.note(successions);
  const rehasher = openRehasher(settings, passwords, announce ?? here, host.log);
  const logins = new Logins({
    host,
    passwords,
    onRightHash: rehasher && ((...right) => rehasher.offer(...right)),
    gate: shared?.gate ?? openGate,
    key: shared?.key ?? Buffer.alloc(32),
    logSuccess: settings.logLogins,
    openRelay,
    elsewhere,
  });
  const trusted = new TrustedPeers(settings.loginTrusted);
  const offersChallenges = shared?.areChallengesOffered ?? (() => false);
  return { logins, sasl: new SaslLogin({ host, logins, trusted, offersChallenges }) };
}

/** The part of a session worker: it asks the supervisor. */
export class LoginTerms {
  #areChallengesOffered = false;

  /** @param terms from `begin` */
  begin(terms: SharedLoginTerms | undefined, gate: LoginGate): SharedLogins {
    this.#areChallengesOffered = terms?.areChallengesOffered ?? false;
    const key = Buffer.from(terms?.key ?? '', 'base64');
    return { gate, key, areChallengesOffered: () => this.#areChallengesOffered };
  }

  challenges(areOffered: boolean): void {
    this.#areChallengesOffered = areOffered;
  }
}
