// The servers of one process: the host opened once, a delivery, and a server for each protocol. Sockets are handed in by whoever accepted them: this process itself
// (one process for everything), or the supervisor.

import type { Socket } from 'node:net';
import { PasswordChecker } from '../auth/password.js';
import type { Delivery } from '../delivery/accept.js';
import { createDelivery } from '../delivery/local-delivery.js';
import { Layout } from '../layout.js';
import type { Log } from '../log.js';
import { createPop3Server, type Pop3Server } from '../servers/pop3/server.js';
import { createSmtpServer } from '../servers/smtp/server.js';
import type { ServedProtocol, Settings } from '../settings.js';
import { type Host, openHost } from '../stores/host.js';
import type { Agents } from './agents.js';
import { deliveryByOwner, pop3ByOwner } from './by-owner.js';

export interface Service {
  readonly host: Host;
  readonly delivery: Delivery;
  readonly pop3: Pop3Server;
  /** Takes over an accepted socket of which nothing has been read. */
  handle(socket: Socket, protocol: ServedProtocol): void;
  /** Begins no session any more and resolves when the last one has ended, at the latest after `ms`. */
  drain(ms: number): Promise<void>;
}

/**
 * Starts serving in this process.
 * @param agents the processes of other uids; undefined: this process does what it may
 */
export function startService(settings: Settings, log: Log, agents?: Agents): Service {
  const host = openHost(new Layout(settings.layout), log, { repairIndexes: true });
  const local = createDelivery(host);
  const delivery = agents === undefined ? local : deliveryByOwner(local, agents);
  const smtp = createSmtpServer({
    host,
    delivery,
    log,
    settings: { localName: settings.localName, resolveClientNames: settings.resolveClientNames },
    limits: { drainMs: settings.drainMs },
  });
  const pop3 = createPop3Server({
    host,
    log,
    passwords: new PasswordChecker(),
    uidl: settings.uidl,
    ...(agents !== undefined && { elsewhere: pop3ByOwner(agents) }),
  });
  return {
    host,
    delivery,
    pop3,
    handle(socket, protocol) {
      if (protocol === 'smtp') smtp.handle(socket);
      else pop3.handle(socket);
    },
    async drain(ms) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms);
      });
      await Promise.race([Promise.all([smtp.drain(), pop3.drain()]), late]);
      clearTimeout(timer);
    },
  };
}
