// Doing something with a message's file, which other programs may rename at any moment: where it is not where it was known to be, the directories are read again, up to ten times.

import { isMissing } from '../../../files/read.js';
import type { Mailbox } from '../folder/mailbox.js';
import { pathOfPlace } from '../folder/names/doubles.js';

const attempts = 10;

/**
 * Does `act` with the path of a message (Latin-1).
 * @param look reads the directories again: `lookAgain` of a mailbox whose lock is held, else a `sync`
 * @param act throws ENOENT when the file is not there
 * @returns undefined when the message is gone
 */
export async function withMessage<T>(
  mailbox: Mailbox,
  uid: number,
  look: () => Promise<void>,
  act: (path: string, row: number) => T,
): Promise<{ readonly value: T } | undefined> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const row = mailbox.table.indexOf(uid);
    if (row < 0) return undefined;
    try {
      return { value: act(pathOfPlace(mailbox.place.directory, mailbox.table.placeAt(row)), row) };
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    await look();
  }
  return undefined;
}

/** Reads the directories again, for who does not hold the lock. */
export function lookFromOutside(mailbox: Mailbox): () => Promise<void> {
  return () => {
    mailbox.forgetNames();
    return mailbox.sync();
  };
}
