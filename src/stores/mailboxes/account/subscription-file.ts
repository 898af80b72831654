// The file `subscriptions` of an account (form: formats/mailbox/subscriptions.ts), with Dovecot's lock: subscriptions.lock is made, filled with the new contents, and renamed over the file. A lock that is
// half a minute old belongs to nobody.
//
// Where there is none yet and Courier's is, Courier's is taken over.

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { errnoOf, TemporaryError } from '../../../errors.js';
import { giveTo } from '../../../files/owner.js';
import { bytesPath, fileTrouble, readIfPresent } from '../../../files/read.js';
import { syncDirectory } from '../../../files/sync.js';
import {
  parseCourierSubscriptions,
  parseSubscriptions,
  type Subscriptions,
  serializeSubscriptions,
} from '../../../formats/mailbox/subscriptions.js';
import { accountMailboxFiles } from '../../../layout.js';
import { fileManner } from '../folder/place.js';
import type { Owner } from '../mailbox-types.js';

const patienceMs = 120_000;
const staleMs = 30_000;

/** The subscribed names. @param root disk path of the account's Maildir @throws TemporaryError */
export function readSubscriptions(root: string): Subscriptions {
  const bytes = readIfPresent(accountMailboxFiles.subscriptions(root));
  if (bytes !== undefined) return parseSubscriptions(bytes);
  const courier = readIfPresent(accountMailboxFiles.courierSubscriptions(root));
  return { version: 2, names: courier === undefined ? [] : parseCourierSubscriptions(courier) };
}

/**
 * Changes the names.
 * @param change the new names; the same array when nothing is to be written
 * @throws TemporaryError
 */
export async function changeSubscriptions(
  root: string,
  owner: Owner,
  change: (names: readonly string[]) => readonly string[],
): Promise<void> {
  const file = accountMailboxFiles.subscriptions(root);
  const lock = bytesPath(`${file}.lock`);
  try {
    const { mode } = fileManner({ directory: root, root, owner });
    const fd = await makeLock(lock, mode);
    let isRenamed = false;
    try {
      const before = readSubscriptions(root);
      const names = change(before.names);
      if (names === before.names) return;
      giveTo(fd, owner.uid, owner.gid);
      fs.fchmodSync(fd, mode);
      fs.writeSync(fd, serializeSubscriptions({ ...before, names }));
      fs.fsyncSync(fd);
      fs.renameSync(lock, bytesPath(file));
      isRenamed = true;
    } finally {
      fs.closeSync(fd);
      if (!isRenamed) fs.rmSync(lock, { force: true });
    }
    await syncDirectory(path.dirname(file));
  } catch (error) {
    throw fileTrouble(error);
  }
}

async function makeLock(lock: string | Buffer, mode: number): Promise<number> {
  const deadline = performance.now() + patienceMs;
  for (let waitMs = 5; ; waitMs = Math.min(2 * waitMs, 200)) {
    try {
      return fs.openSync(lock, 'wx', mode);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    if (performance.now() > deadline)
      throw new TemporaryError(
        '4.3.0',
        'temporary trouble with the subscriptions',
        new Error('subscriptions.lock stays taken'),
      );
    const status = fs.lstatSync(lock, { throwIfNoEntry: false });
    if (status !== undefined && Date.now() - status.mtimeMs > staleMs) fs.rmSync(lock, { force: true });
    await pause(waitMs);
  }
}
