// A connection from a proxy that says for whom it is (protocols/proxy-header.ts): the header is taken off, and the origin becomes the client's.
//
//   from a trusted proxy    a header has to come, within 10 seconds; anything else ends the connection without a word
//   from anybody else       nothing is read here: a header would be the first line of the client's own talk, and is answered as such
//
// So nobody can name another address who is not trusted to, and a proxy that forgets its header lets nobody in under its own address. When the proxy speaks for itself (its look whether
// we are alive) the session is the proxy's own.

import type { Socket } from 'node:net';
import { ucspiAddress } from '../formats/ucspi-address.js';
import { longestProxyHeader, type ProxyHeader, parseProxyHeader } from '../protocols/proxy-header.js';
import type { Origin } from './origin.js';

const patienceMs = 10_000;

/**
 * Takes the header off. What came behind it is left in the socket.
 * @param origin of the proxy
 * @throws Error that says why nobody can be believed; the socket is to be closed then
 */
export async function originBehindProxy(socket: Socket, origin: Origin, timeoutMs = patienceMs): Promise<Origin> {
  // A client that has sent everything may close its side at once and still be answered.
  socket.allowHalfOpen = true;
  const { connection } = await takeHeader(socket, timeoutMs);
  if (connection === undefined) return { ...origin, isHealthCheck: true };
  return {
    remoteIp: ucspiAddress(connection.remoteAddress),
    remotePort: connection.remotePort,
    localIp: ucspiAddress(connection.localAddress),
    localPort: connection.localPort,
    proxyIp: origin.remoteIp ?? 'unix',
    isTlsAtProxy: connection.isTls,
    moveTo: origin.moveTo,
    belongTo: origin.belongTo,
  };
}

function takeHeader(socket: Socket, timeoutMs: number): Promise<Extract<ProxyHeader, { kind: 'header' }>> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('readable', look).off('end', gone).off('close', gone).off('error', gone);
    };
    const fail = (why: string): void => {
      stop();
      reject(new Error(why));
    };
    const gone = (): void => fail('it went away before its PROXY header was whole');
    const timer = setTimeout(() => fail('its PROXY header did not come in time'), timeoutMs);
    const look = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = Buffer.concat([bytes, chunk]);
      const header = parseProxyHeader(bytes);
      if (header.kind === 'invalid') fail(header.why);
      else if (header.kind === 'more' && bytes.length > longestProxyHeader) fail('its PROXY header is too long');
      else if (header.kind === 'header') {
        stop();
        if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
        resolve(header);
      }
    };
    socket.on('readable', look).on('end', gone).on('close', gone).on('error', gone);
    look();
  });
}
