// The places of the whole daemon: how many sessions there are, of whom, and who gets another. Kept by the supervisor for all workers, or by the one process that does everything.
//
// A client that ends one session and opens the next may be faster than the news of the end. So who finds no place waits for one a moment before he is refused.

import type { Log } from '../../log.js';
import {
  type ConnectionLimitSettings,
  ConnectionLimits,
  type NoPlace,
  type Place,
  plainAddress,
  UserLimit,
} from '../../net/connection-limits.js';
import type { ServedProtocol } from '../../settings.js';

/** The place of one session. */
export interface Held {
  /** Gives it back when the session is over. */
  readonly ended: () => void;
  /** Counts it for another address from here on. @returns why that cannot be; it is counted for none then, and is to end */
  readonly moveTo: (address: string) => NoPlace | undefined;
  /** Makes it one of a user's besides, from here on. @returns why that cannot be; it is to end then */
  readonly belongTo: (user: string) => NoPlace | undefined;
  /** The same of one that has been let in already. */
  readonly countFor: (user: string) => void;
}

export interface PlaceKeeperOptions {
  readonly limits: ConnectionLimitSettings;
  /** Sessions of one user; no limit unless given. */
  readonly sessionsPerUser?: number;
  readonly log: Log;
  /** Whether a client with its full share may have more: those that may relay. Asked only then. */
  readonly isExempt?: (protocol: ServedProtocol, address: string) => boolean;
}

const patienceMs = 100;
const waitingMost = 1000;
const reportEveryMs = 10_000;

const reasons: Record<NoPlace, string> = {
  full: 'too many connections',
  'address-full': 'too many connections from this address',
  'user-full': 'too many sessions of this user',
};

/** Limits for clients, and the same again for front ends that ask: they get an answer however many clients there are, or a Postfix in front would take no mail. */
export class LimitsByProtocol {
  readonly #clients: ConnectionLimits;
  readonly #frontEnds: ConnectionLimits;

  constructor(settings: ConnectionLimitSettings) {
    this.#clients = new ConnectionLimits(settings);
    this.#frontEnds = new ConnectionLimits(settings);
  }

  of(protocol: ServedProtocol): ConnectionLimits {
    return protocol === 'auth' || protocol === 'postmap' ? this.#frontEnds : this.#clients;
  }
}

export class PlaceKeeper {
  readonly #limits: LimitsByProtocol;
  readonly #options: PlaceKeeperOptions;
  readonly #users: UserLimit;
  readonly #waiting = new Set<() => void>();
  #refusedUnreported = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: PlaceKeeperOptions) {
    this.#options = options;
    this.#limits = new LimitsByProtocol(options.limits);
    this.#users = new UserLimit(options.sessionsPerUser ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Gives a session a place, after a moment if there is none at once.
   * @param address as a socket gives it, or `unix`
   * @returns why there is none, which is logged
   */
  enter(protocol: ServedProtocol, address: string): Held | NoPlace | Promise<Held | NoPlace> {
    const place = this.#enter(protocol, address);
    if (typeof place !== 'string') return this.#hold(protocol, place);
    return this.#waiting.size < waitingMost ? this.#waitFor(protocol, address) : this.#refuse(protocol, address, place);
  }

  /** Counts a session that has begun already. */
  count(protocol: ServedProtocol, address: string): Held {
    return this.#hold(protocol, this.#limits.of(protocol).add(protocol, address));
  }

  #hold(protocol: ServedProtocol, entered: Place): Held {
    let place: Place | undefined = entered;
    let leaveUser: (() => void) | undefined;
    let isOver = false;
    const leave = (): void => {
      if (place !== undefined) this.#limits.of(protocol).leave(place);
      place = undefined;
    };
    return {
      ended: () => {
        if (isOver) return;
        isOver = true;
        leave();
        leaveUser?.();
        this.#tryWaiting();
      },
      moveTo: (other) => {
        if (isOver) return undefined;
        leave();
        const next = this.#enter(protocol, other);
        if (typeof next !== 'string') place = next;
        this.#tryWaiting();
        return typeof next === 'string' ? this.#refuse(protocol, other, next) : undefined;
      },
      belongTo: (user) => {
        leaveUser?.();
        leaveUser = isOver ? undefined : this.#users.enter(user);
        return isOver || leaveUser !== undefined ? undefined : this.#refuse(protocol, user, 'user-full');
      },
      countFor: (user) => {
        leaveUser?.();
        leaveUser = isOver ? undefined : this.#users.add(user);
      },
    };
  }

  #enter(protocol: ServedProtocol, address: string): Place | NoPlace {
    const isExempt = (plain: string): boolean => this.#options.isExempt?.(protocol, plain) ?? false;
    return this.#limits.of(protocol).enter(protocol, address, isExempt);
  }

  #tryWaiting(): void {
    for (const again of this.#waiting) again();
  }

  #waitFor(protocol: ServedProtocol, address: string): Promise<Held | NoPlace> {
    return new Promise((resolve) => {
      const settle = (place: Place | NoPlace): void => {
        clearTimeout(timer);
        this.#waiting.delete(again);
        resolve(typeof place === 'string' ? this.#refuse(protocol, address, place) : this.#hold(protocol, place));
      };
      const again = (): void => {
        const place = this.#enter(protocol, address);
        if (typeof place !== 'string') settle(place);
      };
      const timer = setTimeout(() => settle(this.#enter(protocol, address)), patienceMs);
      this.#waiting.add(again);
    });
  }

  /** @param who the address or user */
  #refuse(protocol: ServedProtocol, who: string, why: NoPlace): NoPlace {
    this.#refusedUnreported++;
    const now = performance.now();
    if (now - this.#reportedAt < reportEveryMs) return why;
    const many = this.#refusedUnreported > 1 ? ` (${this.#refusedUnreported} refused since the last such line)` : '';
    this.#options.log.warning(`${protocol}: refused ${plainAddress(who)}: ${reasons[why]}${many}`);
    this.#refusedUnreported = 0;
    this.#reportedAt = now;
    return why;
  }
}
