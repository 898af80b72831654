// The places of sessions as a session worker sees them, which accepts connections by itself: the counting is the supervisor's, which knows of the sessions of all workers.
//
//   worker  place-enter {id, protocol, address}  ->  supervisor     supervisor  place-entered {id, refused?}  ->  worker
//   worker  places {begun, belong, ended}        ->  supervisor     of sessions that began, and became a user's, without asking; the ends of all
//   worker  move {id, address}                   ->  supervisor     supervisor  moved {id, refused?}          ->  worker
//   worker  belong {id, user}                    ->  supervisor     the same answer
//
// A quarter of each limit is divided among the workers: so many a worker lets in without asking, and tells of them a moment later, several at once. One that was over by then has cost no
// message. Beyond its part it asks first. So nobody is refused who has less than the limit, and in the moment before the news arrives there may be a quarter more of them at most; limits
// below four times the number of workers are always asked about, and exact.

import { type ConnectionLimitSettings, type NoPlace, UserLimit } from '../../net/connection-limits.js';
import type { ServedProtocol } from '../../settings.js';
import type { PlaceGiver, PlaceOfSession } from '../reception.js';
import { tellSupervisor } from '../supervised.js';
import { type Held, LimitsByProtocol, type PlaceKeeper } from './keeper.js';

/** A session that may have a place. The number is the worker's own. */
export interface Entrant {
  readonly id: number;
  readonly protocol: ServedProtocol;
  readonly address: string;
}

/** What a worker tells the supervisor. */
export type PlaceMessage =
  | ({ readonly type: 'place-enter' } & Entrant)
  | {
      readonly type: 'places';
      readonly begun: readonly Entrant[];
      readonly belong: readonly (readonly [id: number, user: string])[];
      readonly ended: readonly number[];
    }
  | { readonly type: 'move'; readonly id: number; readonly address: string }
  | { readonly type: 'belong'; readonly id: number; readonly user: string };

/** What the supervisor answers. */
export interface PlaceAnswer {
  readonly type: 'place-entered' | 'moved';
  readonly id: number;
  readonly refused?: NoPlace | undefined;
}

/**
 * How long news is gathered: a message costs more than what it says, a tenth of a TLS handshake on either side. Most short sessions are over by then. Much shorter than a connection without a place
 * waits for one (processes/places/keeper.ts).
 */
const gatherMs = 40;
/** The part of each limit that is divided among the workers. */
const divided = 1 / 4;

/** What one worker lets in without asking. */
export interface PartOfLimits extends ConnectionLimitSettings {
  readonly sessionsPerUser: number;
}

export function partOf(limits: ConnectionLimitSettings, sessionsPerUser: number, workers: number): PartOfLimits {
  const part = (limit: number): number => Math.floor((limit * divided) / workers);
  return {
    maxConnections: part(limits.maxConnections),
    maxConnectionsPerAddress: part(limits.maxConnectionsPerAddress),
    unlimited: limits.unlimited,
    sessionsPerUser: part(sessionsPerUser),
  };
}

/** The side of one worker. */
export class PlaceRequests implements PlaceGiver {
  readonly #ownPart: LimitsByProtocol;
  readonly #ownUsers: UserLimit;
  readonly #tell: (message: PlaceMessage) => void;
  readonly #asked = new Map<number, (refused: NoPlace | undefined) => void>();
  readonly #begun = new Map<number, Entrant>();
  readonly #belong = new Map<number, string>();
  #ended: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #last = 0;

  /** @param ownPart what it lets in without asking (`partOf`) @param tell tells the supervisor */
  constructor(ownPart: PartOfLimits, tell: (message: PlaceMessage) => void = tellSupervisor) {
    this.#ownPart = new LimitsByProtocol(ownPart);
    this.#ownUsers = new UserLimit(ownPart.sessionsPerUser);
    this.#tell = tell;
  }

  enter(protocol: ServedProtocol, address: string): PlaceOfSession | Promise<PlaceOfSession | NoPlace> {
    const entrant = { id: ++this.#last, protocol, address };
    const ownPart = this.#ownPart.of(protocol);
    const own = ownPart.enter(protocol, address);
    if (typeof own === 'string') return this.#enterThere(entrant);
    this.#begun.set(entrant.id, entrant);
    this.#tellSoon();
    return this.#held(entrant.id, () => ownPart.leave(own));
  }

  answered({ id, refused }: PlaceAnswer): void {
    this.#asked.get(id)?.(refused);
    this.#asked.delete(id);
  }

  async #enterThere(entrant: Entrant): Promise<PlaceOfSession | NoPlace> {
    const refused = await this.#ask({ type: 'place-enter', ...entrant });
    return refused ?? this.#held(entrant.id, () => {});
  }

  #held(id: number, leave: () => void): PlaceOfSession {
    let leaveUser: (() => void) | undefined;
    return {
      ended: () => {
        leave();
        leaveUser?.();
        this.#belong.delete(id);
        if (this.#begun.delete(id)) return;
        this.#ended.push(id);
        this.#tellSoon();
      },
      moveTo: (address) => this.#ask({ type: 'move', id, address }),
      belongTo: (user) => {
        leaveUser?.();
        leaveUser = this.#ownUsers.enter(user);
        if (leaveUser === undefined) return this.#ask({ type: 'belong', id, user });
        this.#belong.set(id, user);
        this.#tellSoon();
        return undefined;
      },
    };
  }

  /** One question at a time for a session. */
  #ask(question: Exclude<PlaceMessage, { type: 'places' }>): Promise<NoPlace | undefined> {
    // The supervisor has to know of the session, and of places that are free again.
    this.#tellNews();
    return new Promise((resolve) => {
      this.#asked.set(question.id, resolve);
      this.#tell(question);
    });
  }

  #tellSoon(): void {
    this.#timer ??= setTimeout(() => this.#tellNews(), gatherMs);
  }

  #tellNews(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [begun, belong] = [[...this.#begun.values()], [...this.#belong]];
    if (begun.length + belong.length + this.#ended.length === 0) return;
    this.#tell({ type: 'places', begun, belong, ended: this.#ended });
    this.#begun.clear();
    this.#belong.clear();
    this.#ended = [];
  }
}

/** The supervisor's side for one worker: its sessions end with it. */
export class PlaceAnswers {
  readonly #keeper: PlaceKeeper;
  readonly #send: (answer: PlaceAnswer) => void;
  readonly #held = new Map<number, Held>();
  #isGone = false;

  constructor(keeper: PlaceKeeper, send: (answer: PlaceAnswer) => void) {
    this.#keeper = keeper;
    this.#send = send;
  }

  /** Sessions that are known of. */
  get sessions(): number {
    return this.#held.size;
  }

  hear(message: PlaceMessage): void {
    switch (message.type) {
      case 'place-enter':
        void this.#enter(message);
        break;
      case 'places':
        for (const { id, protocol, address } of message.begun)
          this.#held.set(id, this.#keeper.count(protocol, address));
        for (const [id, user] of message.belong) this.#held.get(id)?.countFor(user);
        for (const id of message.ended) {
          this.#held.get(id)?.ended();
          this.#held.delete(id);
        }
        break;
      case 'move':
        this.#moved(message.id, this.#held.get(message.id)?.moveTo(message.address));
        break;
      case 'belong':
        this.#moved(message.id, this.#held.get(message.id)?.belongTo(message.user));
        break;
    }
  }

  /** The worker is gone. */
  gone(): void {
    this.#isGone = true;
    for (const held of this.#held.values()) held.ended();
    this.#held.clear();
  }

  async #enter({ id, protocol, address }: Entrant): Promise<void> {
    const place = await this.#keeper.enter(protocol, address);
    const isHeld = typeof place !== 'string';
    if (this.#isGone) {
      if (isHeld) place.ended();
      return;
    }
    if (isHeld) this.#held.set(id, place);
    this.#send({ type: 'place-entered', id, ...(!isHeld && { refused: place }) });
  }

  #moved(id: number, refused: NoPlace | undefined): void {
    this.#send({ type: 'moved', id, refused });
  }
}
