// What a queue process is asked and what it answers, as JSON on its socket (queue/enqueue/over-socket).
//
//   {}                                             is anybody there, and what is it?
//   {"order": "hold", "ids": ["5488851"]}          an order about these messages
//   {"order": "times"}                             when each message that waits is tried next

import type { OrderName, OrderResult } from './order.js';

export interface QueueOrders {
  readonly order?: OrderName | 'times';
  readonly ids?: readonly string[];
}

export interface QueueAnswer {
  /** Whether the queue is that process's, or a qmail-send's. */
  readonly mode: 'instead' | 'beside';
  readonly results?: Readonly<Record<string, OrderResult>>;
  readonly times?: Readonly<Record<string, { readonly local?: number; readonly remote?: number }>>;
}
