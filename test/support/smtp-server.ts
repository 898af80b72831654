// An SMTP server on a free port of the loopback network, inside the test's own process.

import net from 'node:net';
import type { Delivery } from '../../src/delivery/accept.js';
import { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { createSmtpServer, type SmtpContext, type SmtpServer } from '../../src/servers/smtp/server.js';
import { openHost } from '../../src/stores/host.js';

export interface RunningSmtpServer {
  readonly port: number;
  readonly server: SmtpServer;
  /** Everything logged so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Serves the host tree below `root`. Listens on all of 127.0.0.0/8 unless told otherwise. */
export async function runSmtpServer(
  root: string,
  delivery: Delivery,
  options: Omit<SmtpContext, 'host' | 'delivery' | 'log'> & { readonly listenOn?: string } = {},
): Promise<RunningSmtpServer> {
  let log = '';
  const keep = lineLog((line) => {
    log += line;
  });
  const host = openHost(new Layout({ root }), keep);
  const server = createSmtpServer({ host, delivery, log: keep, ...options });
  const listener = net.createServer({ pauseOnConnect: true }, (socket) => server.handle(socket));
  await new Promise<void>((resolve) => listener.listen(0, options.listenOn ?? '0.0.0.0', resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    server,
    log: () => log,
    async stop() {
      listener.close();
      await server.drain();
    },
  };
}
