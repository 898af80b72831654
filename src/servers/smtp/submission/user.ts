// The user of a session who has logged in (AUTH): may relay, and is named in Received lines, in the log and to the programs behind, as by qmail's SMTP AUTH patch:
//
//   RELAYCLIENT    set, to nothing unless the access rules say something else
//   TCPREMOTEINFO  the user: Received: from phone.example (HELO [10.0.0.3]) (joe@example.jp@192.0.2.4)
//
// A user stays until the session ends, or begins anew behind STARTTLS or XCLIENT.

import type { SaslLogin } from '../../../auth/sasl/sasl-login.js';
import type { Account, Domain } from '../../../stores/domain.js';
import type { OpenSessions } from '../../open-sessions.js';
import type { Client } from '../client.js';
import type { Dialog } from '../dialog.js';
import type { SubmissionPolicy } from './policy.js';
import type { UserRates } from './user-rates.js';

/** What is shared by all sessions of users. */
export interface UserServices {
  readonly sasl: SaslLogin;
  /** Where their sessions are entered, so that they end when an account is closed. */
  readonly sessions: OpenSessions;
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
  readonly account: Account;
  /** Who the client was before. */
  readonly clientBefore: Client;
  /** Takes the session off the list of those that are looked at when accounts change. */
  readonly leave: () => void;
}

/** The client as it is from a login on. */
export function loggedInClient(client: Client, address: string): Client {
  const relaySuffix = client.relaySuffix ?? '';
  const environment = new Map([...client.environment, ['RELAYCLIENT', relaySuffix], ['TCPREMOTEINFO', address]]);
  return { ...client, login: address, remoteInfo: address, relaySuffix, environment };
}

/** The session is nobody's again. Does nothing when it was. */
export function logOut(dialog: Dialog): void {
  const { user } = dialog;
  dialog.exchange = undefined;
  dialog.user = undefined;
  if (user === undefined) return;
  user.leave();
  dialog.client = user.clientBefore;
}
