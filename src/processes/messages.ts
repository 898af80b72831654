// What the supervisor and its children say to each other over node's channel between parent and child. Sockets and listeners travel beside a message.
//
//   supervisor                                  child
//   begin {settings, owner}                ->   becomes that owner, opens the host
//                                          <-   ready | failed {text}
//   session {id, protocol} + socket        ->   serves it
//                                          <-   closed {ids}
//                                          <-   need-agent {request, owner}           a domain of another uid
//   agent {request, path | refused}        ->   connects to it
//   listen + server                        ->   (agents) accepts session workers
//                                          <-   (agents) busy {connections}
//   drain {ms}                             ->   ends its sessions and itself
//
// A child whose channel closes has lost its supervisor and drains by itself. Both sides run the same program, so messages carry no version.

import type { Owner } from '../delivery/accept.js';
import type { ServedProtocol, Settings } from '../settings.js';

export type ToChild =
  | { readonly type: 'begin'; readonly settings: Settings; readonly owner: Owner }
  | { readonly type: 'session'; readonly id: number; readonly protocol: ServedProtocol }
  | { readonly type: 'agent'; readonly request: number; readonly path: string }
  | { readonly type: 'agent'; readonly request: number; readonly refused: string }
  | { readonly type: 'listen' }
  | { readonly type: 'drain'; readonly ms: number };

export type FromChild =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly text: string }
  | { readonly type: 'closed'; readonly ids: readonly number[] }
  | { readonly type: 'need-agent'; readonly request: number; readonly owner: Owner }
  | { readonly type: 'busy'; readonly connections: number };
