// What servers need of a connection: a socket, or a stream that stands before one (net/deflated-connection.ts).

import type { Duplex } from 'node:stream';

export interface Connection extends Duplex {
  /** After so long without a byte in either direction there is an event `timeout`; 0: never. */
  setTimeout(ms: number): unknown;
}
