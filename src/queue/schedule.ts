// When a message is tried again (formats/qmail.md 4.4). The time between two tries grows with the age of the message, so that a fresh one is tried often and an old one seldom:
//
//   local     0, 100, 400, 900, 1600 seconds after it was queued, ... (10 n)^2
//   remote    0, 400, 1600, 3600, 6400, ... (20 n)^2
//
// At the first try after its lifetime a message is given up: each deferral of that try becomes a failure.

import type { ChannelName } from './tree.js';

const skip: Readonly<Record<ChannelName, number>> = { local: 10, remote: 20 };

/** What trouble with a file of the queue puts a message off by. */
export const troubleSeconds = 123;
/** How often todo/ is looked at without being asked. */
export const scanSeconds = 1500;
/** How often leftovers are looked for. */
export const cleanupSeconds = 76_431;
/** How old a leftover must be: whoever made it has given up long before. */
export const leftoverSeconds = 129_600;

/** When the next try is after one that begins now. */
export function nextAttempt(channel: ChannelName, birthSeconds: number, nowSeconds: number): number {
  const age = Math.max(0, nowSeconds - birthSeconds);
  return birthSeconds + (Math.floor(Math.sqrt(age)) + skip[channel]) ** 2;
}

/** Whether a try that begins now is the last one. */
export function isLastAttempt(birthSeconds: number, nowSeconds: number, lifetimeSeconds: number): boolean {
  return nowSeconds > birthSeconds + lifetimeSeconds;
}

/** What the last try's deferrals end with. */
export const givingUp = "I'm not going to try again; this message has been in the queue too long.\n";

/**
 * The time of a message that is held back: the last one that every file system can keep. It stands where the time of the next try always stands, as the mtime of the recipient file,
 * so whoever takes the queue up holds the message too; qmail-send does so until SIGALRM makes everything due.
 */
export const heldSeconds = 2 ** 31 - 1;

export function isHeld(seconds: number): boolean {
  return seconds >= heldSeconds;
}

/** Time as the queue sees it; another one in tests. */
export interface QueueClock {
  /** Whole seconds since 1970. */
  now(): number;
  /** Milliseconds, for how long something takes. */
  milliseconds(): number;
  /** Calls `act` once, after that many seconds. @returns what stops it */
  after(seconds: number, act: () => void): () => void;
}

/** Timers longer than this are cut: node's own limit is 24 days. */
const longestTimerSeconds = 86_400;

export const systemClock: QueueClock = {
  now: () => Math.floor(Date.now() / 1000),
  milliseconds: () => performance.now(),
  after(seconds, act) {
    const timer = setTimeout(act, 1000 * Math.min(longestTimerSeconds, Math.max(0, seconds)));
    return () => clearTimeout(timer);
  },
};
