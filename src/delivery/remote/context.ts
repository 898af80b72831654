// What remote deliveries need of the world. Everything but the host's place has a customary value; tests put their own name server, ports and clock here.

import type { Layout } from '../../layout.js';
import type { Log } from '../../log.js';
import type { NameService } from './names.js';
import type { StsPolicies } from './tls/mta-sts.js';

export interface RemoteContext {
  readonly layout: Layout;
  readonly log: Log;
  /** Where names are looked up; the machine's resolver unless given. */
  readonly names?: NameService;
  /** The port of MX hosts; 25 unless given. */
  readonly smtpPort?: number;
  /** Whether an address is this host's own; those of its interfaces unless given. */
  readonly isOwnAddress?: (ip: string) => boolean;
  readonly limits?: Partial<RemoteLimits>;
  /** The MTA-STS policies of domains; none is looked at unless given. */
  readonly stsPolicies?: StsPolicies;
  /** PEM of the authorities that certificates are checked with where no file of the host names others; those of this version of node unless given. */
  readonly authorities?: string;
  /** 0 up to 1. */
  readonly random?: () => number;
  readonly nowSeconds?: () => number;
}

export interface RemoteLimits {
  /** Sessions with one destination (a relay, or the MX hosts of one domain) at the same time; further messages wait for one of them. */
  readonly sessionsPerDestination: number;
  readonly messagesPerSession: number;
  /** More recipients than that go in several messages. */
  readonly recipientsPerMessage: number;
  /** How long a session with a busy destination is kept while there is nothing to send. */
  readonly idleMs: number;
}

export const usualLimits: RemoteLimits = {
  sessionsPerDestination: 20,
  messagesPerSession: 100,
  recipientsPerMessage: 100,
  idleMs: 5000,
};
