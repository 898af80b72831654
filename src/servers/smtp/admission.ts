// Who may have a session, and as whom: asked when a client comes, and again when a front end says for whom it speaks (XCLIENT).
//
//   SMTP, submission     the access rules (/etc/tcp/smtp.cdb) decide
//   LMTP over TCP        they decide too, but let nobody relay: what LMTP brings is for this host
//   LMTP, unix socket    its mode decides who may connect
//   logged in elsewhere  a front end that is trusted has asked for the password: that client may relay
//
// A rule that denies is a log line; what is said to the client is the caller's business.

import type { Log } from '../../log.js';
import type { Host } from '../../stores/host.js';
import type { Origin } from '../origin.js';
import { type Client, describeClient } from './client.js';

/** What a listener is for: mail from other servers, mail of this host's users (on smtps the TLS handshake comes first), or mail from a front end. */
export type Flavour = 'smtp' | 'submission' | 'smtps' | 'lmtp';

/** Whether nobody sends here who has not logged in. */
export function isForUsers(flavour: Flavour): boolean {
  return flavour === 'submission' || flavour === 'smtps';
}

export interface AdmissionContext {
  readonly host: Host;
  readonly log: Log;
  readonly flavour: Flavour;
  /** This host's name in Received lines; control/me unless given. */
  readonly localName: string | undefined;
}

/** What is known of a client besides where it comes from. */
export interface Visitor {
  /** Its host name, where one is known. */
  readonly name?: string | undefined;
  /** The front end that speaks for it. */
  readonly via?: string | undefined;
  readonly login?: string | undefined;
}

/**
 * Describes a client that may have a session; undefined: it may not, which has been logged.
 * @throws TemporaryError or CorruptFileError when rules or control files cannot be read
 */
export function admit(context: AdmissionContext, origin: Origin, visitor: Visitor): Client | undefined {
  const { host, log, flavour, localName } = context;
  const { name, via, login } = visitor;
  const address = origin.remoteIp ?? (via === undefined ? 'unix' : 'unknown');
  const isAsked = origin.remoteIp !== undefined || via !== undefined;
  const decision = isAsked ? host.accessRules.decide({ ip: address, host: name }) : undefined;
  if (decision?.allow === false) {
    log.info(`${flavour}: deny ${address} by rule ${decision.rule ?? ''}`);
    return undefined;
  }
  const environment = new Map(decision?.environment);
  if (flavour === 'lmtp') environment.delete('RELAYCLIENT');
  else if (login !== undefined && !environment.has('RELAYCLIENT')) environment.set('RELAYCLIENT', '');
  const client = describeClient(address, name, environment, localName ?? host.control.me() ?? 'unknown');
  return { ...client, via, login };
}
