// A session worker: a process of vpopmail:vchkpw that serves the connections which it accepts from the supervisor's sockets.

import { describe } from '../errors.js';
import { standardErrorLog as log } from '../log.js';
import { Accepting } from './accepting.js';
import { AgentRequests } from './agents/agent-requests.js';
import { Agents } from './agents/agents.js';
import { CertificateRequests } from './certificates/requests.js';
import { RehashAnnouncements } from './login/rehash.js';
import { LoginRequests } from './login/requests.js';
import { LoginTerms } from './login/services.js';
import { become } from './ownership.js';
import { PlaceRequests, partOf } from './places/requests.js';
import { RateRequests } from './rates/rate-requests.js';
import { Reception } from './reception.js';
import { RelayRequests } from './relay-requests.js';
import { type Service, startService } from './service.js';
import { runSupervised, tellSupervisor } from './supervised.js';

export function runSessionWorker(): void {
  const agents = new AgentRequests();
  const relay = new RelayRequests();
  const certificates = new CertificateRequests();
  const [gate, terms, rehash] = [new LoginRequests(), new LoginTerms(), new RehashAnnouncements()];
  const rates = new RateRequests();
  let service: Service | undefined;
  let places: PlaceRequests | undefined;
  let accepting: Accepting | undefined;

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
      places = new PlaceRequests(partOf(settings.limits, settings.submission.sessionsPerUser, settings.workers));
      accepting = new Accepting(new Reception({ places, begin: service.handle, log }));
      process.chdir('/');
      become(owner);
    },
    hear(message) {
      if (message.type === 'agent') agents.answer(message);
      if (message.type === 'relay-open') relay.answered(message.request);
      if (message.type === 'login-entered') gate.answered(message);
      if (message.type === 'rehashed') service?.rehashed(message.successions);
      if (message.type === 'rehash-told') rehash.told(message.request);
      if (message.type === 'challenges') terms.challenges(message.areOffered);
      if (message.type === 'certificate-answer') certificates.answered(message);
      if (message.type === 'place-entered' || message.type === 'moved') places?.answered(message);
      if (message.type === 'rated') rates.answered(message);
      if (message.type === 'recheck') service?.sessions.recheck(message.which);
      if (message.type !== 'listening') return;
      service?.listening(message.addresses);
      accepting?.begin(message.addresses).then(
        () => tellSupervisor({ type: 'accepting' }),
        (error: unknown) => tellSupervisor({ type: 'accepting', refused: describe(error) }),
      );
    },
    async drain(ms) {
      accepting?.end();
      await service?.drain(ms);
    },
  });
}
