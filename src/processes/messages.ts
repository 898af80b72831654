// What the supervisor and its children say to each other over node's channel between parent and child. Session workers inherit the listening sockets.
//
//   supervisor                                  child
//   begin {settings, owner, socket?}       ->   becomes that owner, opens the host
//                                          <-   ready
//   listening {addresses}                  ->   where the daemon listens, with the ports that were picked; begins to accept there
//                                          <-   accepting {refused?}            it does, or cannot
//                                          <-   place-enter {id, ...}           may a connection have a session? (processes/places/requests.ts)
//                                          <-   places {begun, belong, ended}   sessions that have begun without that question, and that are over
//                                          <-   move {id, address}              it is for that client, whose sessions it counts among from here on
//                                          <-   belong {id, user}               it is a user's besides, who has logged in
//   place-entered, moved {id, refused?}    ->   it may, or not
//                                          <-   need-agent {request, owner}     a domain of another uid
//   agent {request, path | refused}        ->   connects to it
//                                          <-   open-relay {request, clientIp}  somebody has logged in from there (processes/relay-requests.ts)
//   relay-open {request}                   ->   that client may relay now, or cannot be let
//                                          <-   login-enter {request, attempt}  may somebody try to log in? (processes/login/requests.ts has the others of its kind)
//   login-entered {request, admission}     ->   it may, or is put off
//                                          <-   rehash {request, successions}   other hashes of the same passwords are about to be written (auth/rehash)
//   rehashed {successions}                 ->   sessions that the old ones let in go on; to all session workers and agents
//   rehash-told {request}                  ->   all have been told
//   challenges {areOffered}                ->   whether mechanisms are offered that need a clear password
//                                          <-   rate {request, user, ...}       may a user send a message? (processes/rates/rate-requests.ts)
//   rated {request, answer}                ->   so many recipients, or not now
//                                          <-   certificate-... {request, ...}  a certificate's files, which it may not look at (processes/certificates/requests.ts)
//   certificate-answer {request, ...}      ->   what they are
//                                          <-   busy {connections}              an agent's connections, when their number changes
//                                          <-   leaving                         takes no more sessions and will end
//   recheck {which}                        ->   looks at open sessions of these accounts, and ends those that would not be let in any more
//                                          <-   changed {events}                a watcher saw something
//                                          <-   owners {owners}                 who owns domains besides the watcher's own uid
//   changed {events}                       ->   what other watchers saw, for the program of --on-change
//                                          <-   queue {mode}                    the queue process has decided what it is
//                                          <-   queue-refused {text}            it cannot be what was asked for
//   reread, run-queue                      ->   what SIGHUP and SIGALRM mean to qmail-send
//   drain {ms}                             ->   ends its sessions and itself
//   sessions-ended                         ->   no more messages come to the queue process
//
// A child whose channel closes has lost its supervisor and drains by itself. Both sides run the same program, so messages carry no version.

import type { Succession } from '../auth/rehash/successors.js';
import type { RateAnswer } from '../servers/smtp/submission/user-rates.js';
import type { ServedAddress, Settings } from '../settings.js';
import type { ChangeEvent } from '../watch/events.js';
import type { Recheck } from '../watch/recheck.js';
import type { CertificateAnswer, CertificateRequest } from './certificates/requests.js';
import type { AdmissionNotice, LoginMessage } from './login/requests.js';
import type { Ids } from './ownership.js';
import type { PlaceAnswer, PlaceMessage } from './places/requests.js';
import type { QueueMode } from './queue/service.js';

/** The unix socket at which an agent listens: made while it is still root, for the session workers' uid alone. */
export interface AgentSocket {
  readonly path: string;
  readonly openTo: Ids;
}

export type Role = 'session' | 'agent' | 'watcher' | 'queue';

/** What a watcher watches: of its owner's domains, and of the whole host or not; and since when changes count. */
export interface WatchOrders {
  readonly ofHost: boolean;
  readonly sinceMs: number;
}

/** What all processes with logins have in common. */
export interface SharedLoginTerms {
  /** The daemon's key for comparing wrong secrets (auth/logins.ts), base64. */
  readonly key: string;
  readonly areChallengesOffered: boolean;
}

export interface Begin {
  readonly type: 'begin';
  readonly settings: Settings;
  readonly owner: Ids;
  /** Of agents only. */
  readonly socket?: AgentSocket;
  /** Of session workers only. */
  readonly logins?: SharedLoginTerms;
  /** Of session workers only: the keys of TLS session tickets, base64, so that a client's session can be resumed at any of them. */
  readonly ticketKeys?: string;
  /** Of watchers only. */
  readonly watch?: WatchOrders;
}

export interface Changed {
  readonly type: 'changed';
  readonly events: readonly ChangeEvent[];
}

export type ToChild =
  | Begin
  | { readonly type: 'listening'; readonly addresses: readonly ServedAddress[] }
  | PlaceAnswer
  | { readonly type: 'agent'; readonly request: number; readonly path?: string; readonly refused?: string }
  | { readonly type: 'relay-open'; readonly request: number }
  | { readonly type: 'login-entered'; readonly request: number; readonly admission: AdmissionNotice }
  | { readonly type: 'challenges'; readonly areOffered: boolean }
  | { readonly type: 'rehashed'; readonly successions: readonly Succession[] }
  | { readonly type: 'rehash-told'; readonly request: number }
  | CertificateAnswer
  | { readonly type: 'rated'; readonly request: number; readonly answer: RateAnswer }
  | { readonly type: 'recheck'; readonly which: Recheck }
  | Changed
  | { readonly type: 'reread' | 'run-queue' | 'sessions-ended' }
  | { readonly type: 'drain'; readonly ms: number };

export type FromChild =
  | { readonly type: 'ready' }
  | { readonly type: 'accepting'; readonly refused?: string }
  | PlaceMessage
  | {
      readonly type: 'rate';
      readonly request: number;
      readonly user: string;
      readonly recipients: number;
      readonly isSent: boolean;
    }
  | { readonly type: 'need-agent'; readonly request: number; readonly owner: Ids }
  | { readonly type: 'open-relay'; readonly request: number; readonly clientIp: string }
  | LoginMessage
  | { readonly type: 'rehash'; readonly request: number; readonly successions: readonly Succession[] }
  | CertificateRequest
  | { readonly type: 'busy'; readonly connections: number }
  | Changed
  | { readonly type: 'owners'; readonly owners: readonly Ids[] }
  | { readonly type: 'queue'; readonly mode: QueueMode }
  | { readonly type: 'queue-refused'; readonly text: string }
  | { readonly type: 'leaving' };
