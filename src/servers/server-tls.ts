// TLS on the server's side of a connection, for every protocol: at once (pop3s, smtps, imaps) or in the middle of a session (STLS, STARTTLS).
//
// Which certificate a client sees is stores/certificates' business. The caller must have taken everything off the plain connection that came before the handshake and must
// forget it: what a client sends in clear behind STARTTLS is not from whom the handshake proves (CVE-2011-0411).
//
// Versions: TLS 1.2 and up. `old clients` also lets in TLS 1.0 and 1.1 and the ciphers of their time, which can be broken: for mail programs and scanners that know nothing
// better, on networks where that does not matter.

import type { Socket } from 'node:net';
import { type SecureContextOptions, TLSSocket } from 'node:tls';
import { TemporaryError } from '../errors.js';
import type { Certificates } from '../stores/certificates/certificates.js';

const handshakeMs = 30_000;

/** What TLS needs to be told besides certificates. */
export function secureContextOptions(isForOldClients: boolean): SecureContextOptions {
  return isForOldClients
    ? { minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0', honorCipherOrder: true }
    : { minVersion: 'TLSv1.2', honorCipherOrder: true };
}

export interface ServerTls {
  /** Whether there is a certificate, so that TLS can be offered. */
  isAvailable(): Promise<boolean>;
  /**
   * Does the handshake. The plain socket must be paused and have no listeners for data.
   * @throws Error when it fails or takes too long (the socket is destroyed), TemporaryError without a certificate (it is not)
   */
  secure(socket: Socket): Promise<TLSSocket>;
}

export function createServerTls(certificates: Certificates, isForOldClients: boolean): ServerTls {
  return {
    isAvailable: async () => (await certificates.forName(undefined)) !== undefined,
    async secure(socket) {
      const certificate = await certificates.forName(undefined);
      if (certificate === undefined)
        throw new TemporaryError('4.7.0', 'TLS not available', new Error('there is no certificate'));
      const secured = new TLSSocket(socket, {
        isServer: true,
        secureContext: certificate.context,
        SNICallback: certificates.sniCallback,
        ...secureContextOptions(isForOldClients),
      });
      await handshake(secured);
      return secured;
    },
  };
}

function handshake(secured: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      clearTimeout(timer);
      secured.destroy();
      reject(error);
    };
    const closed = (): void => fail(new Error('the client went away during the TLS handshake'));
    const timer = setTimeout(() => fail(new Error('the TLS handshake took too long')), handshakeMs);
    secured.once('error', fail).once('close', closed);
    secured.once('secure', () => {
      clearTimeout(timer);
      secured.off('error', fail).off('close', closed);
      // Until the session takes over.
      secured.on('error', () => {});
      resolve();
    });
  });
}

/** How a connection is secured, for logs and Received lines: `TLSv1.3`, `TLS_AES_256_GCM_SHA384`. */
export function describeTls(socket: TLSSocket): { readonly version: string; readonly cipher: string } {
  return { version: socket.getProtocol() ?? 'TLS', cipher: socket.getCipher()?.name ?? 'unknown' };
}
