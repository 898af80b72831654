// Where the server listens: `PROTO=ADDRESS:PORT`, one for each --listen, and the sockets that come of it.
//
//   smtp=0.0.0.0:25   pop3=127.0.0.1:10110   smtp=[::1]:10025   pop3=*:110   smtp=127.0.0.1:0   lmtp=unix:/run/lmtp,mode=0660,group=postfix
//
//   auth=systemd:NAME      a socket that systemd has opened (net/inherited-socket.ts)
//
// Port 0 picks a free port, which the ready line reports. `*` is 0.0.0.0. `[::]` takes IPv4 clients too (mapped addresses), unless another listener has the
// same port in IPv4. A socket is handed on unread: whoever takes it resumes it.

import net from 'node:net';
import { ConfigurationError, errnoOf, PermanentError } from '../errors.js';
import { inheritedDescriptor } from './inherited-socket.js';
import { listenAtPath, makeRoom, parseSocketPlace, type SocketAccess, type SocketOwner } from './unix-socket.js';

/** One place to listen at. */
export interface ListenAddress {
  readonly protocol: string;
  readonly at:
    | { readonly host: string; readonly port: number }
    | { readonly path: string }
    /** A socket by its name; a unix one keeps this place when it is open. */
    | { readonly inherited: string };
  /** Of a unix socket. */
  readonly access?: SocketAccess;
}

/** @throws PermanentError with a text for the command line */
export function parseListenAddress(text: string): ListenAddress {
  const refuse = (why: string): PermanentError =>
    new PermanentError('5.5.4', `--listen ${text}: ${why}; write it as smtp=127.0.0.1:25 or pop3=[::1]:110`);
  const [, protocol, place] = /^([a-z0-9]+)=(.+)$/.exec(text) ?? [];
  if (protocol === undefined || place === undefined) throw refuse('PROTO=ADDRESS:PORT is needed');
  if (place.startsWith('unix:')) {
    try {
      const { path, access } = parseSocketPlace(place.slice(5));
      return { protocol, at: { path }, access };
    } catch (error) {
      throw refuse(error instanceof Error ? error.message : String(error));
    }
  }
  const [, inherited] = /^systemd:([!-9;-~]{1,255})$/.exec(place) ?? [];
  if (inherited !== undefined) return { protocol, at: { inherited } };
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(place) ?? [];
  if (port === undefined) throw refuse('ADDRESS:PORT is needed, an IPv6 address in [ ]');
  const host = bracketed ?? (plain === '*' ? '0.0.0.0' : (plain ?? ''));
  if (bracketed === undefined ? !net.isIPv4(host) : !net.isIPv6(host)) throw refuse(`${host} is not an IP address`);
  if (Number(port) > 65535) throw refuse('a port is at most 65535');
  return { protocol, at: { host, port: Number(port) } };
}

/** The form of the ready line. */
export function formatListenAddress({ protocol, at }: ListenAddress): string {
  if ('path' in at) return `${protocol}=unix:${at.path}`;
  if ('inherited' in at) return `${protocol}=systemd:${at.inherited}`;
  return `${protocol}=${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}`;
}

/** An open listener. `address` has the port that was picked. */
export interface Listener {
  readonly address: ListenAddress;
  /** Accepts nothing more. Connections that were accepted go on. */
  close(): void;
}

/** What becomes of a listener's connections. */
export interface Receiver {
  /** Gets every connection, paused. */
  take(socket: net.Socket, listener: ListenAddress): void;
  /** A connection could not be accepted, for want of file descriptors most of the time. The listener goes on. */
  trouble(error: Error, listener: ListenAddress): void;
}

/** How a listener is opened. */
export interface OpenOptions {
  /** Whether an IPv6 wildcard leaves IPv4 clients to another listener. */
  readonly ipv6Only?: boolean;
  /** Looks the user and group of a unix socket up. @throws ConfigurationError when there is none of that name */
  readonly ownerOf?: (access: SocketAccess) => SocketOwner;
}

/** The queue of connections that nobody has accepted yet; the kernel lowers it to its own limit (net.core.somaxconn). */
export const backlog = 4096;

/** The mode of a unix socket: 0600 when none was asked for. */
export function socketMode({ mode = 0o600 }: SocketAccess): number {
  return mode;
}

/** Opens a listener. @throws ConfigurationError when the address cannot be had */
export async function openListener(
  wanted: ListenAddress,
  receiver: Receiver,
  options: OpenOptions = {},
): Promise<Listener> {
  const server = net.createServer({ pauseOnConnect: true, noDelay: true });
  try {
    if ('path' in wanted.at) await makeRoom(wanted.at.path);
    await listen(server, wanted, options);
  } catch (error) {
    server.close();
    throw cannotListen(wanted, error);
  }
  const bound = server.address();
  const address = typeof bound === 'object' && bound !== null ? { ...wanted, at: placeOf(wanted, bound) } : wanted;
  return serve(server, address, receiver);
}

/** Has a receiver for a server that listens. */
export function serve(server: net.Server, address: ListenAddress, receiver: Receiver): Listener {
  server.on('connection', (socket) => receiver.take(socket, address));
  server.on('error', (error) => receiver.trouble(error, address));
  return { address, close: () => server.close() };
}

/** Where a TCP listener is, by the name that it was asked for. */
export function placeOf(
  { at }: ListenAddress,
  { address, port }: net.AddressInfo,
): { readonly host: string; readonly port: number } {
  return { host: 'host' in at ? at.host : address, port };
}

function listen(server: net.Server, { at, access = {} }: ListenAddress, options: OpenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.removeListener('error', reject);
      resolve();
    });
    if ('inherited' in at) server.listen({ fd: inheritedDescriptor(at.inherited) });
    else if ('path' in at) listenAtPath(server, at, socketMode(access), options.ownerOf?.(access) ?? {});
    else server.listen({ ...at, backlog, ipv6Only: options.ipv6Only ?? false });
  });
}

/** Opens all, in order, or none. */
export function openListeners(
  wanted: readonly ListenAddress[],
  receiver: Receiver,
  options: OpenOptions = {},
): Promise<Listener[]> {
  return openAll(wanted, options, (address, own) => openListener(address, receiver, own));
}

/** Opens all by `open`, in order, or none. An IPv6 wildcard leaves IPv4 to another listener of the same port. */
export async function openAll<T extends { close(): void }>(
  wanted: readonly ListenAddress[],
  options: OpenOptions,
  open: (address: ListenAddress, options: OpenOptions) => Promise<T>,
): Promise<T[]> {
  const opened: T[] = [];
  try {
    for (const address of wanted) {
      const ipv6Only = sharesPortWithIpv4(address, wanted);
      opened.push(await open(address, { ...options, ipv6Only }));
    }
    return opened;
  } catch (error) {
    for (const one of opened) one.close();
    throw error;
  }
}

/** Whether an IPv4 address of these has the same port, to which an IPv6 wildcard has to leave IPv4. */
export function sharesPortWithIpv4({ at }: ListenAddress, all: readonly ListenAddress[]): boolean {
  return all.some(
    (other) => 'host' in at && 'host' in other.at && at.port === other.at.port && net.isIPv4(other.at.host),
  );
}

/** What is told when a listener cannot be opened. A ConfigurationError stays as it is. */
export function cannotListen(address: ListenAddress, error: unknown): ConfigurationError {
  if (error instanceof ConfigurationError) return error;
  const isSocket = 'path' in address.at;
  const hints: Record<string, string> = {
    EADDRINUSE: `another program listens there already; stop it or choose another ${isSocket ? 'path' : 'port'}`,
    EACCES: isSocket
      ? 'this user may not make a socket there; choose another directory'
      : 'ports below 1024 need root; start as root or choose a higher port',
    EPERM: 'this user may not give a socket to another user or group; start as root',
    EADDRNOTAVAIL: 'this machine does not have that address',
    ENOENT: 'its directory is missing, and the one above too; make it',
  };
  const why = hints[errnoOf(error) ?? ''] ?? (error instanceof Error ? error.message : String(error));
  return new ConfigurationError(`--listen ${formatListenAddress(address)}`, undefined, `cannot listen: ${why}`, error);
}
