// A session worker: a process of vpopmail:vchkpw that serves the sockets which the supervisor hands it.

import { standardErrorLog as log } from '../log.js';
import type { NoPlace } from '../net/connection-limits.js';
import { AgentRequests } from './agent-requests.js';
import { Agents } from './agents.js';
import { CertificateRequests } from './certificates/requests.js';
import { RehashAnnouncements } from './login/rehash.js';
import { LoginRequests } from './login/requests.js';
import { LoginTerms } from './login/services.js';
import type { FromChild, ToChild } from './messages.js';
import { become } from './ownership.js';
import { RateRequests } from './rate-requests.js';
import { RelayRequests } from './relay-requests.js';
import { type Service, startService } from './service.js';
import { runSupervised, tellSupervisor } from './supervised.js';

export function runSessionWorker(): void {
  const agents = new AgentRequests();
  const closed = new ClosedSessions();
  const moves = new MoveRequests();
  const relay = new RelayRequests();
  const certificates = new CertificateRequests();
  const [gate, terms, rehash] = [new LoginRequests(), new LoginTerms(), new RehashAnnouncements()];
  const rates = new RateRequests();
  let service: Service | undefined;

  runSupervised({
    begin({ settings, owner, logins, ticketKeys }) {
      const openRelay = (clientIp: string): Promise<void> => relay.open(clientIp);
      service = startService(settings, log, {
        agents: new Agents(owner.uid, (other) => agents.ask(other)),
        openRelay,
        logins: terms.begin(logins, gate),
        announce: rehash.announce,
        certificates: certificates.source,
        rates,
        ...(ticketKeys !== undefined && { ticketKeys }),
      });
      process.chdir('/');
      become(owner);
    },
    hear(message, socket) {
      if (message.type === 'agent') agents.answer(message);
      if (message.type === 'relay-open') relay.answered(message.request);
      if (message.type === 'login-entered') gate.answered(message);
      if (message.type === 'rehashed') service?.rehashed(message.successions);
      if (message.type === 'rehash-told') rehash.told(message.request);
      if (message.type === 'challenges') terms.challenges(message.areOffered);
      if (message.type === 'certificate-answer') certificates.answered(message);
      if (message.type === 'moved') moves.answer(message);
      if (message.type === 'rated') rates.answered(message);
      if (message.type === 'recheck') service?.sessions.recheck(message.which);
      if (message.type === 'listening') service?.listening(message.addresses);
      if (message.type !== 'session') return;
      // A client that went away on the way here leaves no socket.
      if (socket === undefined || service === undefined) return closed.add(message.id);
      const { id, protocol, isUnix } = message;
      socket.once('close', () => closed.add(id));
      service.handle(socket, protocol, {
        isUnix,
        moveTo: (address) => moves.ask({ type: 'move', id, address }),
        belongTo: (user) => moves.ask({ type: 'belong', id, user }),
      });
    },
    drain: (ms) => service?.drain(ms) ?? Promise.resolve(),
  });
}

/** How long the ends of sessions are gathered. Shorter than a connection without a place waits for one (processes/reception.ts). */
const gatherMs = 5;

/** The ends of sessions, told to the supervisor several at once: a message costs more than what it says. */
class ClosedSessions {
  #ids: number[] = [];

  add(id: number): void {
    if (this.#ids.length === 0) setTimeout(() => this.#tell(), gatherMs);
    this.#ids.push(id);
  }

  #tell(): void {
    tellSupervisor({ type: 'closed', ids: this.#ids });
    this.#ids = [];
  }
}

/** Questions to the supervisor, one at a time for a session: may it count among those of another address, or of a user? */
class MoveRequests {
  readonly #asked = new Map<number, (refused: NoPlace | undefined) => void>();

  ask(question: Extract<FromChild, { type: 'move' | 'belong' }>): Promise<NoPlace | undefined> {
    return new Promise((resolve) => {
      this.#asked.set(question.id, resolve);
      tellSupervisor(question);
    });
  }

  answer({ id, refused }: Extract<ToChild, { type: 'moved' }>): void {
    this.#asked.get(id)?.(refused);
    this.#asked.delete(id);
  }
}
