// Doing something with a message's file, which other programs may rename at any moment: where it is not where it was known to be, the directories are read again, up to ten times.

import { isMissing } from '../../../files/read.js';
import type { Mailbox } from '../folder/mailbox.js';
import { pathOfPlace } from '../folder/names/doubles.js';

const attempts = 10;

interface Done<T> {
  readonly value: T;
}

/**
 * Does `act` with the path of a message (Latin-1); at once where the file is where it was known to be, which nearly always is so.
 * @param look reads the directories again: `lookAgain` of a mailbox whose lock is held, else a `sync`
 * @param act throws ENOENT when the file is not there
 * @returns undefined when the message is gone
 */
export function withMessage<T>(
  mailbox: Mailbox,
  uid: number,
  look: () => Promise<void>,
  act: (path: string, row: number) => T,
): Done<T> | undefined | Promise<Done<T> | undefined> {
  const done = tryOnce(mailbox, uid, act);
  return done === 'not there' ? lookFor(mailbox, uid, look, act) : done;
}

async function lookFor<T>(
  mailbox: Mailbox,
  uid: number,
  look: () => Promise<void>,
  act: (path: string, row: number) => T,
): Promise<Done<T> | undefined> {
  for (let attempt = 1; attempt < attempts; attempt++) {
    await look();
    const done = tryOnce(mailbox, uid, act);
    if (done !== 'not there') return done;
  }
  return undefined;
}

/** @returns undefined when there is no such message */
function tryOnce<T>(
  { table, place }: Mailbox,
  uid: number,
  act: (path: string, row: number) => T,
): Done<T> | 'not there' | undefined {
  const row = table.indexOf(uid);
  if (row < 0) return undefined;
  try {
    return { value: act(pathOfPlace(place.directory, table.placeAt(row)), row) };
  } catch (error) {
    if (isMissing(error)) return 'not there';
    throw error;
  }
}

/** Reads the directories again, for who does not hold the lock. */
export function lookFromOutside(mailbox: Mailbox): () => Promise<void> {
  return () => {
    mailbox.forgetNames();
    return mailbox.sync();
  };
}
