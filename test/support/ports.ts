// Ports of 127.0.0.1 for programs that cannot choose one themselves.

import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A TCP port that is free at the moment. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Waits until a port accepts a connection. @throws Error with the log when it does not within 10 s */
export async function waitForPort(port: number, log: () => string, host = '127.0.0.1'): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; await sleep(50)) {
    const socket = net.connect(port, host);
    const accepted = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (accepted) return;
  }
  throw new Error(`port ${port} does not accept: ${log()}`);
}
