// What is known about logins in the whole daemon, kept by the supervisor, or by the one process that does everything: the gate against guessing, whether clear passwords are stored, and the
// key with which wrong secrets are compared.

import { randomBytes } from 'node:crypto';
import { ClearPasswords } from '../../auth/clear-passwords.js';
import { GuessGate } from '../../auth/guessing/guess-gate.js';
import type { Log } from '../../log.js';
import { TrustedPeers } from '../../net/trusted-peers.js';
import type { Settings } from '../../settings.js';
import type { Host } from '../../stores/host.js';
import type { SharedLoginTerms } from '../messages.js';
import type { SharedLogins } from './services.js';
import { LoginStatusSocket } from './status-socket.js';

export class LoginKeeper implements SharedLogins {
  readonly gate: GuessGate;
  readonly key = randomBytes(32);
  readonly #challenges: Settings['challenges'];
  readonly #clear: ClearPasswords | undefined;
  readonly #openSocket: () => LoginStatusSocket;
  #socket: LoginStatusSocket | undefined;

  /** @param changed is told when mechanisms that need a clear password are offered from now on, or not any more */
  constructor(settings: Settings, host: Host, log: Log, changed: (areOffered: boolean) => void = () => {}) {
    const trusted = new TrustedPeers(settings.loginTrusted);
    const isFrontEnd = (ip: string): boolean => ip === '127.0.0.1' || ip === '::1' || trusted.includes(ip);
    this.gate = new GuessGate({ ...settings.guessLimits, isFrontEnd, log });
    this.#openSocket = () => new LoginStatusSocket(this.gate, host.layout.loginSocket, log);
    this.#challenges = settings.challenges;
    if (settings.challenges === 'auto') this.#clear = new ClearPasswords(host.layout, changed);
  }

  /** For session workers. */
  get terms(): SharedLoginTerms {
    return { key: this.key.toString('base64'), areChallengesOffered: this.areChallengesOffered() };
  }

  readonly areChallengesOffered = (): boolean => this.#clear?.areStored ?? this.#challenges === 'on';

  /** Begins to look after changes, and to answer `vqmail auth`. */
  start(): void {
    this.#socket = this.#openSocket();
    this.#clear?.watch();
  }

  /** Accounts have changed. */
  accountsChanged(): void {
    void this.#clear?.lookAgain();
  }

  close(): void {
    this.#socket?.close();
    this.gate.close();
    this.#clear?.close();
  }
}
