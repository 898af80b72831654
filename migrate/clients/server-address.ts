// Where a mail server of another program is asked: `imap=127.0.0.1:143`, `pop3=[::1]:110,starttls`, `imaps=mail.example.jp:993`.

import dns from 'node:dns/promises';
import net from 'node:net';
import { PermanentError, TemporaryError } from '../../src/errors.js';
import { dial, upgradeToTls } from '../../src/net/dial.js';

/** What is asked; `smtps` is `submission` with TLS from the first byte. */
export type AskedProtocol = 'smtp' | 'submission' | 'pop3' | 'imap';

export interface ServerAddress {
  readonly protocol: AskedProtocol;
  /** An address or a name. */
  readonly host: string;
  readonly port: number;
  readonly tls: 'none' | 'starttls' | 'implicit';
}

const protocols: Readonly<Record<string, Pick<ServerAddress, 'protocol' | 'tls'>>> = {
  smtp: { protocol: 'smtp', tls: 'none' },
  submission: { protocol: 'submission', tls: 'none' },
  smtps: { protocol: 'submission', tls: 'implicit' },
  pop3: { protocol: 'pop3', tls: 'none' },
  pop3s: { protocol: 'pop3', tls: 'implicit' },
  imap: { protocol: 'imap', tls: 'none' },
  imaps: { protocol: 'imap', tls: 'implicit' },
};

/** @throws PermanentError with a text for the command line */
export function parseServerAddress(text: string): ServerAddress {
  const [, name = '', bracketed, plain, port, suffix] =
    /^([a-z0-9]+)=(?:\[([^\]]+)\]|([^:,[\]]+)):(\d{1,5})(,starttls)?$/.exec(text) ?? [];
  const known = Object.hasOwn(protocols, name) ? protocols[name] : undefined;
  if (known === undefined || port === undefined || Number(port) > 65535)
    throw new PermanentError(
      '5.5.4',
      `${text}: write it as PROTO=HOST:PORT, such as imap=127.0.0.1:143 or pop3=[::1]:110,starttls; PROTO is one of ${Object.keys(protocols).join(' ')}`,
    );
  const tls = suffix === undefined ? known.tls : 'starttls';
  return { protocol: known.protocol, host: bracketed ?? plain ?? '', port: Number(port), tls };
}

/** What a command line calls it: `pop3s` where TLS comes first. */
export function nameOf({ protocol, tls }: Pick<ServerAddress, 'protocol' | 'tls'>): string {
  if (tls !== 'implicit') return protocol;
  return protocol === 'submission' ? 'smtps' : `${protocol}s`;
}

/** How long a server may take for anything. */
export const patienceMs = 60_000;

/**
 * Connects, with TLS where that comes first. Certificates are not checked: the server is the host's own, often by an address that its certificate does not name.
 * @param from the address to connect from @throws TemporaryError
 */
export async function connectTo(address: ServerAddress, from?: string): Promise<net.Socket> {
  const { host, port, tls } = address;
  try {
    const ip = net.isIP(host) === 0 ? (await dns.lookup(host)).address : host;
    const socket = await dial({ ip, port, timeoutMs: patienceMs, localAddress: from });
    return tls === 'implicit' ? await secured(socket, host) : socket;
  } catch (error) {
    throw new TemporaryError('4.4.1', `${placeOf(address)} cannot be reached: ${reasonOf(error)}`, error);
  }
}

/** Goes on encrypted. @throws TlsError */
export function secured(socket: net.Socket, host: string): Promise<net.Socket> {
  return upgradeToTls(socket, { host, timeoutMs: patienceMs, verify: false });
}

export function placeOf({ host, port }: ServerAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** In a few words, of an error and what caused it. */
export function reasonOf(error: unknown): string {
  const innermost = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return innermost instanceof Error ? innermost.message : String(innermost);
}
