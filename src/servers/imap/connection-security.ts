// How well a session's connection is protected, by TLS here or between the client and a proxy, and what follows of it: what may be offered, and whether a password may be sent.

import type { SaslClient } from '../../auth/sasl/sasl-login.js';
import { channelBindingsOf } from '../channel-bindings.js';
import type { Origin } from '../origin.js';
import type { ImapServices } from './server.js';
import type { ImapTransport } from './transport.js';

export interface ClientOfSession {
  readonly service: 'imap' | 'imaps';
  readonly origin: Pick<Origin, 'remoteIp' | 'localIp' | 'isTlsAtProxy' | 'belongTo'>;
}

export class ConnectionSecurity {
  readonly #transport: ImapTransport;
  readonly #client: ClientOfSession;
  readonly #services: ImapServices;

  constructor(transport: ImapTransport, client: ClientOfSession, services: ImapServices) {
    this.#transport = transport;
    this.#client = client;
    this.#services = services;
  }

  /** Who wants to log in, and over what. */
  saslClient(): SaslClient {
    const { service, origin } = this.#client;
    const { tls } = this.#transport;
    const channelBindings = tls && channelBindingsOf(tls);
    return { service, origin, isSecure: channelBindings !== undefined, channelBindings };
  }

  async mayPasswordBeSent(): Promise<boolean> {
    const { sasl, tls } = this.#services;
    return sasl.mayPasswordBeSent(this.saslClient()) || !(await tls?.isAvailable());
  }

  /** Whether STARTTLS can be done now. */
  async offersTls(): Promise<boolean> {
    const isSecure = this.#transport.tls !== undefined || this.#client.origin.isTlsAtProxy === true;
    return !isSecure && ((await this.#services.tls?.isAvailable()) ?? false);
  }

  /** Does the handshake. Called when STARTTLS is answered, and nothing has been sent since. @returns whether it went well; if not, the connection is gone */
  async secure(): Promise<boolean> {
    const { tls, log } = this.#services;
    if (tls === undefined) return true;
    try {
      await this.#transport.secure((socket) => tls.secure(socket));
      return true;
    } catch (error) {
      tls.tellFailure(log, `imap: ${this.#client.origin.remoteIp}: STARTTLS`, error);
      return false;
    }
  }
}
