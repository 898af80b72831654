// TLS on the server's side of a connection, for every protocol: at once (pop3s, smtps, imaps) or in the middle of a session (STLS, STARTTLS).
//
// Which certificate a client sees is stores/certificates' business. The caller must have taken everything off the plain connection that came before the handshake and must
// forget it: what a client sends in clear behind STARTTLS is not from whom the handshake proves (CVE-2011-0411).
//
// Versions and ciphers: TLS 1.2 and up, with keys that are made for the session and forgotten (ECDHE), so that who gets hold of the certificate's key later cannot read what was recorded.
// `old clients` also lets in TLS 1.0 and 1.1 and the ciphers of their time, which can be broken: for mail programs and scanners that know nothing better, on networks where that
// does not matter. control/tlsserverciphers stands in the place of either list. No connection is negotiated anew in its middle.

import { constants, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type SecureContextOptions, TLSSocket } from 'node:tls';
import { describe } from '../errors.js';
import { type Log, sparing } from '../log.js';
import type { Certificates } from '../stores/certificates/certificates.js';
import { channelBindingsOf } from './channel-bindings.js';
import { type ClientCertificate, clientCertificateOf } from './client-certificate.js';

const patienceMs = 30_000;
const ticketKeyBytes = 48;
/** Scanners open thousands of connections. */
const failuresTold = { most: 60, ms: 60_000 };

/** The last ones are for clients of Windows 7's and Android 4's time. */
const ciphers = 'ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL';
const oldCiphers = 'DEFAULT:@SECLEVEL=0';

/** What TLS needs to be told besides certificates. */
export function secureContextOptions(isForOldClients: boolean): SecureContextOptions {
  const secureOptions = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE;
  // No authority is trusted here but the host's own for clients (stores/certificates/client-authorities.ts).
  const common = { secureOptions, ca: [] };
  return isForOldClients
    ? { ...common, minVersion: 'TLSv1', ciphers: oldCiphers }
    : { ...common, minVersion: 'TLSv1.2', ciphers };
}

/** Keys of session tickets, base64: what a client brings back to go on with a session of before without another exchange of keys. They live as long as the daemon. */
export function newTicketKeys(): string {
  return randomBytes(ticketKeyBytes).toString('base64');
}

export interface ServerTls {
  /** Whether there is a certificate, so that TLS can be offered. */
  isAvailable(): Promise<boolean>;
  /**
   * Does the handshake. The plain socket must be paused and have no listeners for data; what stands in it unread is taken for the client's part of the handshake.
   * @param asksClient whether the client is asked for a certificate, which it need not have
   * @throws Error when it fails, takes too long, or there is no certificate; the socket is destroyed
   */
  secure(socket: Socket, asksClient?: boolean): Promise<TLSSocket>;
  /** Tells the log of a handshake that failed; of many in a short time not of each. @param about whose: `smtp: 192.0.2.9: STARTTLS` */
  tellFailure(log: Log, about: string, error: unknown): void;
}

/** @param handshakeMs how long a client may take */
export function createServerTls(certificates: Certificates, handshakeMs = patienceMs): ServerTls {
  const tell = sparing(failuresTold, (count) => `TLS: ${count} more handshakes failed within a minute`);
  return {
    tellFailure: (log, about, error) => tell(`${about}: ${describe(error)}`, (line) => log.info(line)),
    isAvailable: async () => (await certificates.forName(undefined)) !== undefined,
    async secure(socket, asksClient = false) {
      const certificate = await certificates.forName(undefined);
      if (certificate === undefined) {
        socket.destroy();
        throw new Error('TLS: there is no certificate that can be used');
      }
      const secured = new TLSSocket(socket, {
        isServer: true,
        secureContext: certificate.context,
        SNICallback: certificates.sniCallback,
        requestCert: asksClient,
        rejectUnauthorized: false,
      });
      await handshake(secured, handshakeMs);
      return secured;
    },
  };
}

function handshake(secured: TLSSocket, handshakeMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      clearTimeout(timer);
      secured.destroy();
      reject(new Error(`TLS: ${reasonOf(error)}`));
    };
    const closed = (): void => fail(new Error('the client went away during the handshake'));
    const timer = setTimeout(() => fail(new Error('the handshake took too long')), handshakeMs);
    // Half a connection is no use to a handshake.
    secured.once('error', fail).once('end', closed).once('close', closed);
    secured.once('secure', () => {
      clearTimeout(timer);
      secured.off('error', fail).off('end', closed).off('close', closed);
      // Until the session takes over.
      secured.on('error', () => {});
      resolve();
    });
  });
}

/** What of an OpenSSL error an administrator can use. */
function reasonOf(error: Error): string {
  if (!('reason' in error) || typeof error.reason !== 'string') return error.message;
  const isOld = error.reason === 'unsupported protocol' || error.reason === 'no shared cipher';
  return isOld ? `${error.reason} (an old client? see --tls-old-clients)` : error.reason;
}

/** How a connection is secured: for logs and Received lines (`TLSv1.3`, `TLS_AES_256_GCM_SHA384`), and for logins. */
export interface TlsDescription {
  readonly version: string;
  readonly cipher: string;
  /** By the type's name in SASL. */
  readonly channelBindings: () => ReadonlyMap<string, Buffer>;
  /** What the client has shown of itself. */
  clientCertificate(): ClientCertificate | undefined;
}

export function describeTls(socket: TLSSocket): TlsDescription {
  return {
    version: socket.getProtocol() ?? 'TLS',
    cipher: socket.getCipher()?.name ?? 'unknown',
    channelBindings: channelBindingsOf(socket),
    clientCertificate: () => clientCertificateOf(socket),
  };
}
