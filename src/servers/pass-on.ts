// Passing a connection on to another process, byte for byte, until both sides are done. Either side may close its half first.

import type { Socket } from 'node:net';

/**
 * @param sentAhead what was read from the client already
 * @returns when both connections are closed
 */
export function passOn(client: Socket, other: Socket, sentAhead: Buffer): Promise<void> {
  other.on('error', () => {});
  if (sentAhead.length > 0) other.write(sentAhead);
  client.pipe(other);
  other.pipe(client);
  return new Promise((resolve) => {
    let open = 2;
    const closed = (one: Socket, opposite: Socket): void => {
      one.unpipe(opposite);
      if (one.destroyed) opposite.destroySoon();
      open--;
      if (open === 0) resolve();
    };
    client.once('close', () => closed(client, other));
    other.once('close', () => closed(other, client));
  });
}
