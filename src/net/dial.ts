// Connecting to another host: from an address of ours if one is given, within a time, and upgrading to TLS.
//
// A socket that is handed out has a listener for errors, so that a reset ends nothing but the session; it is paused and sends small writes at once. A
// connection that does not come about says whether it was for want of time: qmail keeps a table of hosts that do not answer (formats/queue/tcpto.ts).

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { describe, errnoOf } from '../errors.js';

export interface DialOptions {
  /** An address; names are looked up by who calls. */
  readonly ip: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** The address to connect from; it has to be of the same family. */
  readonly localAddress?: string | undefined;
}

/** The connection did not come about. */
export class UnreachedError extends Error {
  readonly timedOut: boolean;
  constructor(timedOut: boolean, cause?: unknown) {
    super(timedOut ? 'connecting timed out' : 'no connection', { cause });
    this.timedOut = timedOut;
  }
}

/** @throws UnreachedError */
export async function dial({ ip, port, timeoutMs, localAddress }: DialOptions): Promise<net.Socket> {
  const socket = net.connect({
    host: ip,
    port,
    noDelay: true,
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  socket.pause();
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
    timeoutMs,
  );
  try {
    await once(socket, 'connect');
  } catch (error) {
    socket.destroy();
    throw new UnreachedError(errnoOf(error) === 'ETIMEDOUT', error);
  } finally {
    clearTimeout(timer);
    socket.on('error', () => {});
  }
  return socket;
}

export interface TlsOptions {
  /** Sent as SNI where it is a name; where the certificate is checked it is the name that it has to be for. */
  readonly host: string;
  readonly timeoutMs: number;
  /** Whether the certificate is checked at all. */
  readonly verify: boolean;
  /** PEM of the authorities that count; those of this version of node unless given. */
  readonly authorities?: string | undefined;
  /** PEM of our certificate chain and key. */
  readonly clientCertificate?: string | undefined;
  readonly ciphers?: string | undefined;
}

/** The handshake failed, or the certificate is not good enough. */
export class TlsError extends Error {
  constructor(cause: unknown) {
    super(describe(cause), { cause });
  }
}

/** Takes an open socket, from which nobody reads any more, and gives the one to go on with. The old one is destroyed on failure. @throws TlsError */
export async function upgradeToTls(socket: net.Socket, options: TlsOptions): Promise<tls.TLSSocket> {
  let secure: tls.TLSSocket;
  try {
    secure = tls.connect({ socket, ...handshake(options) });
  } catch (error) {
    socket.destroy();
    throw new TlsError(error);
  }
  secure.pause();
  const timer = setTimeout(() => secure.destroy(new Error('the handshake timed out')), options.timeoutMs);
  const ended = (): void => void secure.destroy(new Error('the connection was closed'));
  socket.once('close', ended);
  try {
    await once(secure, 'secureConnect');
    return secure;
  } catch (error) {
    secure.destroy();
    socket.destroy();
    throw new TlsError(error);
  } finally {
    clearTimeout(timer);
    socket.off('close', ended);
    secure.on('error', () => {});
  }
}

function handshake({ host, verify, authorities, clientCertificate, ciphers }: TlsOptions): tls.ConnectionOptions {
  const isName = net.isIP(host) === 0 && host !== '';
  return {
    ...(isName ? { servername: host } : {}),
    rejectUnauthorized: verify,
    checkServerIdentity: (_name, certificate) => (verify ? tls.checkServerIdentity(host, certificate) : undefined),
    ...(authorities === undefined ? {} : { ca: authorities }),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate, key: clientCertificate }),
    ...(ciphers === undefined ? {} : { ciphers }),
  };
}
