// An agent: a process of one uid other than vpopmail's, which serves the domains that users/assign gives to that uid. Only session workers can open its socket: it lies in a
// directory of root's, belongs to vpopmail, and has mode 0600. Made while this process is still root, in the same turn in which it becomes its owner, so that
// no connection is accepted before.

import fs from 'node:fs';
import net from 'node:net';
import { standardErrorLog as log } from '../../log.js';
import { RehashAnnouncements } from '../login/rehash.js';
import type { AgentSocket } from '../messages.js';
import { become } from '../ownership.js';
import { RelayRequests } from '../relay-requests.js';
import { type Service, startService } from '../service.js';
import { runSupervised, tellSupervisor } from '../supervised.js';
import { serveWorker } from './agent.js';

export function runAgent(): void {
  const connections = new Set<net.Socket>();
  const [relay, rehash] = [new RelayRequests(), new RehashAnnouncements()];
  let service: Service | undefined;
  let server: net.Server | undefined;
  let ownUid = -1;

  const serve = (socket: net.Socket): void => {
    connections.add(socket);
    tellSupervisor({ type: 'busy', connections: connections.size });
    socket.on('error', () => {});
    socket.once('close', () => {
      connections.delete(socket);
      tellSupervisor({ type: 'busy', connections: connections.size });
    });
    if (service === undefined) return;
    const { host, delivery, pop3, imap, logins, tickets, sessions } = service;
    void serveWorker(socket, { host, delivery, pop3, imap, logins: logins.logins, tickets, sessions, log, ownUid });
  };

  runSupervised({
    begin({ settings, owner, socket }) {
      if (socket === undefined) throw new Error('an agent needs a socket');
      process.title = `vqmail: agent of uid ${owner.uid}`;
      service = startService(settings, log, {
        openRelay: (clientIp) => relay.open(clientIp),
        announce: rehash.announce,
      });
      ownUid = owner.uid;
      server = listenFor(socket, serve);
      process.chdir('/');
      become(owner);
    },
    hear(message) {
      if (message.type === 'recheck') service?.sessions.recheck(message.which);
      if (message.type === 'rehashed') service?.rehashed(message.successions);
      if (message.type === 'rehash-told') rehash.told(message.request);
      if (message.type === 'relay-open') relay.answered(message.request);
    },
    async drain(ms) {
      server?.close();
      await service?.drain(ms);
      await Promise.race([allClosed(connections), after(ms)]);
    },
  });
}

function listenFor({ path, openTo }: AgentSocket, serve: (socket: net.Socket) => void): net.Server {
  const umask = process.umask(0o177);
  try {
    const server = net.createServer({ allowHalfOpen: true }, serve).listen(path);
    if (process.geteuid?.() === 0) fs.chownSync(path, openTo.uid, openTo.gid);
    return server;
  } finally {
    process.umask(umask);
  }
}

async function allClosed(connections: ReadonlySet<net.Socket>): Promise<void> {
  for (const socket of connections) {
    if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
