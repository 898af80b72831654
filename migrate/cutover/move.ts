// The move itself and the way back, as a list of steps. Every step may be done again, and what was begun is in the state file before its first act:
//
//   killed while                    next `cutover`                           next `rollback`
//   comparing                       begins                                   has nothing to do
//   moving (state `moving`)         stops ours and goes through it again     stops ours, starts the old service
//   moved (state `moved`)           has nothing to do                        the same
//   returning (state `returning`)   says that rollback is to be finished     goes through it again

import fs from 'node:fs';
import { describe } from '../../src/errors.js';
import type { Layout } from '../../src/layout.js';
import { ownTitle } from '../../src/processes/queue/claim.js';
import { mutexHolder } from '../../src/queue/mutex.js';
import { QueueTree } from '../../src/queue/tree.js';
import { type Act, actText, carryOut } from './acts.js';
import { until, untilFree, untilServed } from './ports.js';
import { keepMove, type Move } from './state.js';

export interface MoveContext {
  readonly layout: Layout;
  /** How long for a port to be free, or to be served. */
  readonly patienceMs: number;
  /** Told of each step. */
  readonly tell: (line: string) => void;
  /** Compares our server at its new places with the one beside. @throws Error that says what differs */
  readonly check: () => Promise<void>;
}

/** Stops the old service and starts ours; goes back by itself when anything fails. @returns whether it was moved */
export async function cutOver(move: Move, isGoingOn: boolean, context: MoveContext): Promise<boolean> {
  const { layout, tell } = context;
  await keepMove(layout, move.protocols, { ...move, phase: 'moving' });
  try {
    if (isGoingOn) await attempt(move.stopOwn, tell);
    await each(move.prepareOwn, tell);
    await each(move.stopOld, tell);
    await untilLeft(move, context);
    await each(move.startOwn, tell);
    await untilTaken(move, context, isOurs);
    await context.check();
  } catch (error) {
    tell(`failed: ${describe(error)}`);
    tell('going back');
    await rollBack(move, context);
    return false;
  }
  await keepMove(layout, move.protocols, { ...move, phase: 'moved' });
  return true;
}

/** Stops ours and starts the old service again, with the state that the move was left in. @throws TemporaryError, and it is to be repeated */
export async function rollBack(move: Move, context: MoveContext): Promise<void> {
  const { layout, tell } = context;
  await keepMove(layout, move.protocols, { ...move, phase: 'returning' });
  await attempt(move.stopOwn, tell);
  // Whoever was killed may have been so before the old one was stopped, and who holds a port is not always seen.
  if (move.phase !== 'moved') await attempt(move.stopOld, tell);
  await untilLeft(move, context);
  await each(move.startOld, tell);
  await untilTaken(move, context, () => true);
  await keepMove(layout, move.protocols, undefined);
}

async function each(acts: readonly Act[], tell: (line: string) => void): Promise<void> {
  for (const act of acts) {
    tell(actText(act));
    await carryOut(act);
  }
}

/** What fails is told and left: whether ours is gone is seen by its port. */
async function attempt(acts: readonly Act[], tell: (line: string) => void): Promise<void> {
  for (const act of acts) await each([act], tell).catch((error: unknown) => tell(`failed: ${describe(error)}`));
}

/** Until the ports are free, or who worked on the queue has let it go. */
async function untilLeft({ places, protocols }: Move, { layout, patienceMs, tell }: MoveContext): Promise<void> {
  if (protocols.includes('queue')) {
    tell('wait until the queue is let go');
    await until(patienceMs, 'the queue is still held', () => (mutexHolder(queueOf(layout)) ?? 0) === 0);
    return;
  }
  for (const place of places) {
    tell(`wait until nobody holds ${place}`);
    await untilFree(place, patienceMs);
  }
}

async function untilTaken(
  { places, protocols }: Move,
  { layout, patienceMs, tell }: MoveContext,
  isIt: (holder: number) => boolean,
): Promise<void> {
  if (protocols.includes('queue')) {
    const tree = queueOf(layout);
    tell('wait until the queue is taken up');
    await until(patienceMs, 'nobody takes the queue up', () => {
      const holder = mutexHolder(tree) ?? 0;
      return holder !== 0 && isIt(holder);
    });
    return;
  }
  for (const place of places) {
    tell(`wait until ${place} is served`);
    await untilServed(place, patienceMs);
  }
}

/** Only its lock is looked at, for which it does not matter how many directories there are. */
function queueOf(layout: Layout): QueueTree {
  return new QueueTree(layout.queue, 1, false);
}

function isOurs(pid: number): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith(ownTitle);
  } catch {
    return false;
  }
}
