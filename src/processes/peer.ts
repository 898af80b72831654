// Who is at the other end of a unix socket: the kernel tells the uid and gid that the process had when it connected.

import type { Socket } from 'node:net';
import { cLibrary, type NativePeer } from '../files/native/native.js';

/** undefined when it cannot be told: another kind of socket, one that is closed, or a system that does not say. */
export function peerOf(socket: Socket): NativePeer | undefined {
  // node has no name for a socket's descriptor; its handle has.
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  const peer = typeof fd === 'number' && fd >= 0 ? cLibrary()?.peerOf(fd) : undefined;
  // Of a socket of the network the kernel says that nobody is there.
  return peer?.pid === 0 ? undefined : peer;
}
