// What happens to a connection before a session begins: it is counted, and refused when there are too many. The same in one process and in the supervisor,
// where counts hold over all workers because every connection passes here. Nothing is read from it; a refusal is one line written, so it costs no worker.
//
// A client that ends one session and opens the next may be faster than the news of the end. So a connection that finds no place waits for one a moment
// before it is refused.

import type { Socket } from 'node:net';
import type { Log } from '../log.js';
import {
  type ConnectionLimitSettings,
  ConnectionLimits,
  type NoPlace,
  type Place,
  plainAddress,
  UserLimit,
} from '../net/connection-limits.js';
import type { ListenAddress, Receiver } from '../net/listener.js';
import { encodeNetstring } from '../protocols/netstring.js';
import type { ServedProtocol } from '../settings.js';

/** A connection that may have a session. */
export interface Accepted {
  readonly socket: Socket;
  readonly protocol: ServedProtocol;
  readonly isUnix: boolean;
  /** To be called once when it is over. */
  readonly ended: () => void;
  /** Counts it for another address from here on. @returns why that cannot be; it is counted for none then, and is to end */
  readonly moveTo: (address: string) => NoPlace | undefined;
  /** Makes it one of a user's besides, from here on. @returns why that cannot be; it is to end then */
  readonly belongTo: (user: string) => NoPlace | undefined;
}

export type BeginSession = (connection: Accepted) => void;

export interface ReceptionOptions {
  readonly limits: ConnectionLimitSettings;
  /** Sessions of one user; no limit unless given. */
  readonly sessionsPerUser?: number;
  readonly begin: BeginSession;
  readonly log: Log;
  /** Whether a client with its full share may have more: those that may relay. Asked only then. */
  readonly isExempt?: (protocol: ServedProtocol, address: string) => boolean;
}

const patienceMs = 100;
const waitingMost = 1000;
const refusalMs = 2000;
const reportEveryMs = 10_000;

const words: Record<NoPlace, string> = {
  full: 'too many connections, try again later',
  'address-full': 'too many connections from your address, try again later',
  'user-full': 'too many sessions of this user, try again later',
};

const reasons: Record<NoPlace, string> = {
  full: 'too many connections',
  'address-full': 'too many connections from this address',
  'user-full': 'too many sessions of this user',
};

export class Reception implements Receiver {
  readonly #limits: ConnectionLimits;
  /** Of front ends that ask: they get an answer however many clients there are, or a Postfix in front would take no mail. */
  readonly #frontEndLimits: ConnectionLimits;
  readonly #options: ReceptionOptions;
  readonly #users: UserLimit;
  readonly #waiting = new Set<() => void>();
  #refusedUnreported = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.#limits = new ConnectionLimits(options.limits);
    this.#frontEndLimits = new ConnectionLimits(options.limits);
    this.#users = new UserLimit(options.sessionsPerUser ?? Number.POSITIVE_INFINITY);
  }

  /** Sessions at this moment. */
  get sessions(): number {
    return this.#limits.total + this.#frontEndLimits.total;
  }

  take(socket: Socket, listener: ListenAddress): void {
    const address = 'host' in listener.at ? socket.remoteAddress : 'unix';
    const protocol = listener.protocol as ServedProtocol;
    socket.on('error', () => {});
    // A client that is gone again already has no address.
    if (address === undefined) socket.destroy();
    else if (!this.#tryToBegin(socket, protocol, address)) this.#letWait(socket, protocol, address);
  }

  trouble(error: Error, listener: ListenAddress): void {
    this.#options.log.alert(`${listener.protocol}: a connection could not be accepted: ${error.message}`);
  }

  #tryToBegin(socket: Socket, protocol: ServedProtocol, address: string): boolean {
    const entered = this.#enter(protocol, address);
    if (typeof entered === 'string') return false;
    let place: Place | undefined = entered;
    let leaveUser: (() => void) | undefined;
    let isOver = false;
    const leave = (): void => {
      if (place !== undefined) this.#limitsOf(protocol).leave(place);
      place = undefined;
    };
    const ended = (): void => {
      if (isOver) return;
      isOver = true;
      leave();
      leaveUser?.();
      this.#tryWaiting();
    };
    const moveTo = (other: string): NoPlace | undefined => {
      if (isOver) return undefined;
      leave();
      const next = this.#enter(protocol, other);
      if (typeof next !== 'string') place = next;
      else this.#report(protocol, other, next);
      this.#tryWaiting();
      return typeof next === 'string' ? next : undefined;
    };
    const belongTo = (user: string): NoPlace | undefined => {
      leaveUser?.();
      leaveUser = isOver ? undefined : this.#users.enter(user);
      if (isOver || leaveUser !== undefined) return undefined;
      this.#report(protocol, user, 'user-full');
      return 'user-full';
    };
    this.#options.begin({ socket, protocol, isUnix: address === 'unix', ended, moveTo, belongTo });
    return true;
  }

  #enter(protocol: ServedProtocol, address: string): Place | NoPlace {
    const isExempt = (plain: string): boolean => this.#options.isExempt?.(protocol, plain) ?? false;
    return this.#limitsOf(protocol).enter(protocol, address, isExempt);
  }

  #limitsOf(protocol: ServedProtocol): ConnectionLimits {
    return protocol === 'auth' || protocol === 'postmap' ? this.#frontEndLimits : this.#limits;
  }

  #tryWaiting(): void {
    for (const again of this.#waiting) again();
  }

  #letWait(socket: Socket, protocol: ServedProtocol, address: string): void {
    if (this.#waiting.size >= waitingMost) {
      this.#refuse(socket, protocol, address);
      return;
    }
    const again = (): void => {
      if (this.#tryToBegin(socket, protocol, address)) stopWaiting();
    };
    const stopWaiting = (): void => {
      clearTimeout(timer);
      this.#waiting.delete(again);
    };
    const timer = setTimeout(() => {
      stopWaiting();
      this.#refuse(socket, protocol, address);
    }, patienceMs);
    this.#waiting.add(again);
  }

  #refuse(socket: Socket, protocol: ServedProtocol, address: string): void {
    const place = this.#enter(protocol, address);
    const why = typeof place === 'string' ? place : 'full';
    if (typeof place !== 'string') this.#limitsOf(protocol).leave(place);
    this.#report(protocol, address, why);
    turnAway(socket, protocol, words[why]);
  }

  /** @param who the address or user */
  #report(protocol: ServedProtocol, who: string, why: NoPlace): void {
    this.#refusedUnreported++;
    const now = performance.now();
    if (now - this.#reportedAt < reportEveryMs) return;
    const many = this.#refusedUnreported > 1 ? ` (${this.#refusedUnreported} refused since the last such line)` : '';
    this.#options.log.warning(`${protocol}: refused ${plainAddress(who)}: ${reasons[why]}${many}`);
    this.#refusedUnreported = 0;
    this.#reportedAt = now;
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
export function turnAway(socket: Socket, protocol: ServedProtocol, text: string): void {
  const timer = setTimeout(() => socket.destroy(), refusalMs);
  socket.once('close', () => clearTimeout(timer));
  socket.end(lastWords[protocol](text), () => socket.destroySoon());
}
