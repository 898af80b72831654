// Where a connection comes from: the addresses of its socket, or those that a proxy names in front of it (servers/proxied.ts). Servers ask this and not the socket, so that limits, access
// rules, logins and log lines see the real client.
//
// The place that a session takes among those of its address (net/connection-limits.ts) is given by whoever accepts connections, before a byte is read. `moveTo` gives it back and takes one
// of the address that is known now.

import type { Socket } from 'node:net';
import { ucspiAddress } from '../formats/ucspi-address.js';
import type { NoPlace } from '../net/connection-limits.js';

export interface Origin {
  /** The client's address in ucspi-tcp's form; undefined on a unix socket. */
  readonly remoteIp: string | undefined;
  readonly remotePort: number | undefined;
  /** The address and port that the client came to. */
  readonly localIp: string | undefined;
  readonly localPort: number | undefined;
  /** The proxy that spoke for the client, in ucspi-tcp's form; undefined when there is none. */
  readonly proxyIp?: string | undefined;
  /** Whether a proxy connects for itself, to see whether we are alive. */
  readonly isHealthCheck?: boolean;
  /** Whether the client speaks TLS with the proxy. */
  readonly isTlsAtProxy?: boolean;
  /** Counts the session for another address. @returns why it may not be: it is to end then */
  readonly moveTo?: MoveTo | undefined;
  /** Counts the session among those of a user besides. */
  readonly belongTo?: BelongTo | undefined;
}

/** Moves a session's place to another address (as a socket gives it). Never rejects. */
export type MoveTo = (address: string) => NoPlace | undefined | Promise<NoPlace | undefined>;

/** Makes a session one of a user's (`user@domain`) until it is over. @returns why it may not be. Never rejects. */
export type BelongTo = (user: string) => NoPlace | undefined | Promise<NoPlace | undefined>;

/**
 * Of a socket that nobody has spoken for; undefined when the client is gone already.
 * @param isUnix whether the listener is a unix socket: a client that has gone has no address either
 */
export function originOf(
  socket: Socket,
  isUnix = false,
  places: Pick<Origin, 'moveTo' | 'belongTo'> = {},
): Origin | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  const none = { remoteIp: undefined, remotePort: undefined, localIp: undefined, localPort: undefined };
  if (isUnix) return { ...none, ...places };
  if (remoteAddress === undefined) return undefined;
  const localIp = localAddress === undefined ? undefined : ucspiAddress(localAddress);
  return { remoteIp: ucspiAddress(remoteAddress), remotePort, localIp, localPort, ...places };
}
