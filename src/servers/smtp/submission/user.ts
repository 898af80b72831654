// The user of a session: may relay, and is named in Received lines, in the log and to the programs behind, as by qmail's SMTP AUTH patch:
//
//   RELAYCLIENT    set, to nothing unless the access rules say something else
//   TCPREMOTEINFO  the user: Received: from phone.example (HELO [10.0.0.3]) (joe@example.jp@192.0.2.4)
//
// One who has logged in here (AUTH) stays until the session ends, or begins anew behind STARTTLS or XCLIENT. One whom a front end names (XCLIENT LOGIN) stays until it names another; what is asked
// of users' messages is asked of theirs too. A name that is none of this host's domains is of a front end with users of its own: how much they send is counted, and as whom is its business. Of whom
// a client's certificate is (servers/smtp/certified.ts) is looked at for each message.

import { splitLogin } from '../../../auth/login.js';
import type { SaslLogin } from '../../../auth/sasl/sasl-login.js';
import type { OwnerOfAddresses } from '../../../delivery/resolution/leads-to.js';
import { lower } from '../../../mail/address.js';
import type { Domain } from '../../../stores/domains/domain.js';
import type { EnterElsewhere, OpenSessions } from '../../open-sessions.js';
import type { Client } from '../client.js';
import type { Dialog } from '../dialog.js';
import type { SubmissionPolicy } from './policy.js';
import type { UserRates } from './user-rates.js';

/** What is shared by all sessions of users. */
export interface UserServices {
  readonly sasl: SaslLogin;
  /** Where their sessions are entered, so that they end when an account is closed. */
  readonly sessions: OpenSessions;
  /** The same for accounts of other uids. */
  readonly sessionsElsewhere?: EnterElsewhere | undefined;
  readonly policy: SubmissionPolicy;
  /** How much they have sent; undefined: it is not counted. */
  readonly rates?: UserRates | undefined;
  /** The domain of this host with a name (lower case). @throws TemporaryError, CorruptFileError */
  domain(name: string): Domain | undefined;
}

export interface SessionUser {
  readonly services: UserServices;
  /** `user@domain`, the real domain, lower case. */
  readonly address: string;
  /** undefined: a front end's own user. */
  readonly account: OwnerOfAddresses | undefined;
  /** Of one who has logged in here. */
  readonly login?: {
    /** Who the client was before. */
    readonly clientBefore: Client;
    /** Takes the session off the list of those that are looked at when accounts change. */
    readonly leave: (() => void) | undefined;
  };
}

/** The client as it is from a login on. */
export function loggedInClient(client: Client, address: string): Client {
  const relaySuffix = client.relaySuffix ?? '';
  const environment = new Map([...client.environment, ['RELAYCLIENT', relaySuffix], ['TCPREMOTEINFO', address]]);
  return { ...client, login: address, remoteInfo: address, relaySuffix, environment };
}

/** The session is nobody's again. Does nothing when nobody has logged in here. */
export function logOut(dialog: Dialog): void {
  dialog.exchange = undefined;
  const login = dialog.user?.login;
  if (login === undefined) return;
  dialog.user = undefined;
  login.leave?.();
  dialog.client = login.clientBefore;
}

/**
 * The user whom a front end has let in, or of whom a certificate is.
 * @param login as it names them
 * @throws TemporaryError, CorruptFileError
 */
export function namedUser(services: UserServices, login: string): SessionUser {
  const { user: name, domain: domainName, invalid } = splitLogin(login);
  const domain = invalid !== undefined || domainName === '' ? undefined : services.domain(domainName);
  if (domain === undefined) return { services, address: lower(login), account: undefined };
  const account = { name, domain: domain.name, directory: directoryOf(domain, name) };
  return { services, address: `${name}@${domain.name}`, account };
}

/** Aliases may name it. Of a domain of another uid it is not known here. */
function directoryOf(domain: Domain, name: string): string {
  try {
    return domain.account(name)?.directory ?? '';
  } catch {
    return '';
  }
}
