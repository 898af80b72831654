// Listening sockets that several processes accept from. One process binds them, which may need root, and accepts nothing; the others inherit the descriptors and accept by themselves, so no
// connection has to be handed from one process to another. The kernel wakes whoever waits; who is busy gets none.
//
// A socket lives as long as any process has it: connections that nobody has accepted wait in it while processes that accept from it end and start.
//
// net.Server accepts as soon as it listens. What only binds is a handle of node's, made by the function with which its cluster module shares sockets.

import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { inheritedDescriptor } from './inherited-socket.js';
import {
  backlog,
  cannotListen,
  type ListenAddress,
  type Listener,
  type OpenOptions,
  openAll,
  placeOf,
  type Receiver,
  serve,
  socketMode,
} from './listener.js';
import { makeRoom, makeSocketFile } from './unix-socket.js';

/** A socket that this process accepts nothing from. `address` has the port that was picked. */
export interface SharedListener {
  readonly address: ListenAddress;
  /** For children to inherit. */
  readonly descriptor: number;
  /** Gives it up, and removes the file of a unix socket. Processes that have it go on. */
  close(): void;
}

/** Binds all, in order, or none. @throws ConfigurationError when an address cannot be had */
export function bindListeners(wanted: readonly ListenAddress[], options: OpenOptions = {}): Promise<SharedListener[]> {
  return openAll(wanted, options, bindListener);
}

/**
 * Accepts connections from a socket that another process has bound.
 * @throws ConfigurationError when another program has begun to listen at its address in the meantime
 */
export async function acceptFrom(descriptor: number, address: ListenAddress, receiver: Receiver): Promise<Listener> {
  const server = net.createServer({ pauseOnConnect: true, noDelay: true });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ fd: descriptor, backlog }, resolve);
    });
  } catch (error) {
    throw cannotListen(address, error);
  }
  server.removeAllListeners('error');
  return serve(server, address, receiver);
}

/** What node's handles of TCP and unix sockets have in common. Only TCP's tell their address. */
interface BoundHandle {
  readonly fd: number;
  /** @returns 0, or the negative error number, also of a bind(2) that failed */
  getsockname?(address: Partial<net.AddressInfo>): number;
  close(): void;
}

type Bind = (
  address: string | null,
  port: number,
  family: 4 | 6 | -1,
  descriptor: number | null,
  flags: number,
) => BoundHandle | number;

const { _createServerHandle: createServerHandle } = net as unknown as { readonly _createServerHandle: Bind };
/** UV_TCP_IPV6ONLY */
const ipv6OnlyFlag = 1;

async function bindListener(wanted: ListenAddress, options: OpenOptions): Promise<SharedListener> {
  const { at } = wanted;
  try {
    if ('path' in at) await makeRoom(at.path);
    const handle = bind(wanted, options);
    const address = 'path' in at ? wanted : { ...wanted, at: boundPlace(wanted, handle) };
    return { address, descriptor: handle.fd, close: () => handle.close() };
  } catch (error) {
    throw cannotListen(wanted, error);
  }
}

function bind(wanted: ListenAddress, { ipv6Only = false, ownerOf }: OpenOptions): BoundHandle {
  const { at, access = {} } = wanted;
  if ('inherited' in at) return handleOf(createServerHandle(null, 0, -1, inheritedDescriptor(at.inherited), 0));
  if ('host' in at) {
    const family = net.isIPv6(at.host) ? 6 : 4;
    return handleOf(createServerHandle(at.host, at.port, family, null, ipv6Only ? ipv6OnlyFlag : 0));
  }
  return makeSocketFile(at.path, socketMode(access), ownerOf?.(access) ?? {}, () =>
    handleOf(createServerHandle(at.path, -1, -1, null, 0)),
  );
}

function boundPlace(wanted: ListenAddress, handle: BoundHandle): ListenAddress['at'] {
  if (handle.getsockname === undefined) return wanted.at;
  const bound: Partial<net.AddressInfo> = {};
  const status = handle.getsockname(bound);
  if (status === 0) return placeOf(wanted, bound as net.AddressInfo);
  handle.close();
  throw systemError(status);
}

/** @throws the system error that a number stands for */
function handleOf(made: BoundHandle | number): BoundHandle {
  if (typeof made === 'number') throw systemError(made);
  return made;
}

function systemError(number: number): Error {
  const code = getSystemErrorName(number);
  return Object.assign(new Error(`listen ${code}`), { code });
}
