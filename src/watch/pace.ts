// Work in the background without holding up anybody: after a slice of work a rest. A walk asks `turn()` in its inner loop and waits when it is given something to wait for.
//
// Between sessions in the same process a slice must be short; the rest decides which share of one CPU the work may have: 4 ms and 4 ms are half of it, 2 ms and 50 ms a twenty-fifth.

import { setTimeout as sleep } from 'node:timers/promises';

/** Gives back a promise when it is time to let others have their turn. */
export type Turn = () => Promise<void> | undefined;

export function turns(sliceMs: number, restMs: number): Turn {
  let since = performance.now();
  return () => {
    if (performance.now() - since < sliceMs) return undefined;
    return sleep(restMs).then(() => {
      since = performance.now();
    });
  };
}
