// The server of Postfix's look-ups (socketmap_table(5)): tells a Postfix in front of this one, live, which domains are served, where their mail goes, and which recipients exist
// (servers/postmap/maps.ts). It is handed accepted sockets; who listens is another's business.
//
// Nobody is asked who he is, and what is told is what everybody can find out by RCPT; the listener's address or the mode of its socket says who may ask.

import type { Socket } from 'node:net';
import type { Delivery } from '../../delivery/accept.js';
import type { Log } from '../../log.js';
import type { Host } from '../../stores/host.js';
import { type ConnectionContext, PostmapConnection, type PostmapLimits } from './connection.js';

/** Postfix closes a connection that it has not used for 10 seconds, and each after 100. */
export const defaultPostmapLimits: PostmapLimits = { maxRequestBytes: 100_000, idleMs: 600_000, requestMs: 60_000 };

export interface PostmapContext {
  readonly host: Host;
  readonly delivery: Pick<Delivery, 'resolve'>;
  readonly log: Log;
  /** Where Postfix is to send what is delivered here, such as `smtp:[127.0.0.1]:10025`; undefined: nobody said. Asked at each look-up. */
  readonly nextHop: () => string | undefined;
  readonly limits?: Partial<PostmapLimits>;
}

export interface PostmapServer {
  /** Takes over an accepted socket, paused or not, of which nothing has been read. */
  handle(socket: Socket): void;
  /** Takes no more connections, answers what has come, and settles when all are closed. */
  drain(): Promise<void>;
}

export function createPostmapServer({ host, delivery, log, nextHop, limits }: PostmapContext): PostmapServer {
  const context: ConnectionContext = {
    source: { control: host.control, delivery, nextHop },
    log,
    limits: { ...defaultPostmapLimits, ...limits },
  };
  const live = new Set<PostmapConnection>();
  let whenEmpty: (() => void) | undefined;

  return {
    handle(socket) {
      // A client that has sent everything may close its side at once and still be answered.
      socket.allowHalfOpen = true;
      socket.on('error', () => {});
      if (whenEmpty !== undefined) return void socket.destroy();
      const connection = new PostmapConnection(socket, context);
      live.add(connection);
      socket.once('close', () => {
        live.delete(connection);
        if (live.size === 0) whenEmpty?.();
      });
      void connection.run();
    },
    drain() {
      return new Promise((resolve) => {
        whenEmpty = resolve;
        for (const connection of live) connection.drain();
        if (live.size === 0) resolve();
      });
    },
  };
}
