// What happens to a connection before a session begins: it gets a place (processes/places), or is turned away when there are too many. The same in one process and in session workers.
// Nothing is read from it; a refusal is one line written.

import type { Socket } from 'node:net';
import type { Log } from '../log.js';
import type { NoPlace } from '../net/connection-limits.js';
import type { ListenAddress, Receiver } from '../net/listener.js';
import { encodeNetstring } from '../protocols/netstring.js';
import type { BelongTo, MoveTo } from '../servers/origin.js';
import type { ServedProtocol } from '../settings.js';
import type { Arrival } from './service.js';

/** A place as its session sees it: of this process, or of the supervisor. */
export interface PlaceOfSession {
  /** To be called once when it is over. */
  readonly ended: () => void;
  readonly moveTo: MoveTo;
  readonly belongTo: BelongTo;
}

/** Who gives places. Never rejects. */
export interface PlaceGiver {
  enter(protocol: ServedProtocol, address: string): PlaceOfSession | NoPlace | Promise<PlaceOfSession | NoPlace>;
}

export type BeginSession = (socket: Socket, protocol: ServedProtocol, arrival: Arrival) => void;

export interface ReceptionOptions {
  readonly places: PlaceGiver;
  readonly begin: BeginSession;
  readonly log: Log;
}

const refusalMs = 2000;

const words: Record<NoPlace, string> = {
  full: 'too many connections, try again later',
  'address-full': 'too many connections from your address, try again later',
  'user-full': 'too many sessions of this user, try again later',
};

export class Reception implements Receiver {
  readonly #options: ReceptionOptions;

  constructor(options: ReceptionOptions) {
    this.#options = options;
  }

  take(socket: Socket, listener: ListenAddress): void {
    const isUnix = !('host' in listener.at);
    const address = isUnix ? 'unix' : socket.remoteAddress;
    const protocol = listener.protocol as ServedProtocol;
    socket.on('error', () => {});
    // A client that is gone again already has no address.
    if (address === undefined) return void socket.destroy();
    const place = this.#options.places.enter(protocol, address);
    if (place instanceof Promise) void place.then((given) => this.#begin(socket, protocol, isUnix, given));
    else this.#begin(socket, protocol, isUnix, place);
  }

  trouble(error: Error, listener: ListenAddress): void {
    this.#options.log.alert(`${listener.protocol}: a connection could not be accepted: ${error.message}`);
  }

  #begin(socket: Socket, protocol: ServedProtocol, isUnix: boolean, place: PlaceOfSession | NoPlace): void {
    if (typeof place === 'string') {
      turnAway(socket, protocol, words[place]);
      return;
    }
    if (socket.destroyed) {
      place.ended();
      return;
    }
    socket.once('close', () => place.ended());
    const { moveTo, belongTo } = place;
    this.#options.begin(socket, protocol, { isUnix, moveTo, belongTo });
  }
}

const lastWords: Readonly<Record<ServedProtocol, (text: string) => string | Buffer>> = {
  smtp: (text) => `421 ${text} (#4.3.2)\r\n`,
  lmtp: (text) => `421 4.3.2 ${text}\r\n`,
  submission: (text) => `421 4.3.2 ${text}\r\n`,
  // A client that waits for a handshake could not read it.
  smtps: () => '',
  pop3s: () => '',
  imaps: () => '',
  imap: (text) => `* BYE ${text}\r\n`,
  // The protocol has no word for it: a connection that ends means "later".
  auth: () => '',
  pop3: (text) => `-ERR ${text}\r\n`,
  postmap: (text) => encodeNetstring(`TEMP ${text}`),
  qmqp: (text) => encodeNetstring(`Z${text} (#4.3.2)`),
};

/** Ends a connection with the protocol's word for "not now". Nothing is read; a client that does not take the line is cut off. */
function turnAway(socket: Socket, protocol: ServedProtocol, text: string): void {
  const timer = setTimeout(() => socket.destroy(), refusalMs);
  socket.once('close', () => clearTimeout(timer));
  socket.end(lastWords[protocol](text), () => socket.destroySoon());
}
