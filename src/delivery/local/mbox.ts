// Delivery to an mbox file (formats/qmail.md 6.6), under flock, as qmail-local and the programs of its time that read mbox files on the host agree.
//
//   the file is locked for 30 s         deferred
//   the file system cannot lock         written without a lock, as qmail-local does
//   writing fails                       cut back to where it ended (only under the lock), deferred
//   a crash while writing               a message that is cut off, as with qmail-local
//
// No dot-lock is made. Everything is appended, nothing is rewritten. A new file has mode 0600.

import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { cLibrary } from '../../files/native/native.js';
import { bytesPath } from '../../files/read.js';
import { FromQuoting } from '../../formats/maildir/mbox.js';
import type { DeliveryLines } from './arguments.js';
import { LocalFailure, systemFailure } from './failure.js';
import type { MessageSource } from './message-source.js';

const patienceMs = 30_000;

/**
 * Appends the message.
 * @param path disk path @param shown as the .qmail file has it, for messages
 * @throws LocalFailure
 */
export async function deliverToMbox(
  path: string,
  shown: string,
  lines: DeliveryLines,
  message: MessageSource,
): Promise<void> {
  const fd = openToAppend(path, shown);
  try {
    const isLocked = await lock(fd, shown);
    const end = fs.fstatSync(fd).size;
    try {
      await append(fd, lines, message);
    } catch (error) {
      if (isLocked) cutBack(fd, end);
      throw error instanceof LocalFailure ? error : systemFailure(`Unable to write ${shown}`, error);
    }
  } finally {
    fs.closeSync(fd);
  }
}

/** What is no file (/dev/full) has no length: why writing failed is told all the same. */
function cutBack(fd: number, end: number): void {
  try {
    fs.ftruncateSync(fd, end);
  } catch {
    // As with qmail-local the beginning of the message stays.
  }
}

function openToAppend(path: string, shown: string): number {
  const { O_WRONLY, O_NONBLOCK, O_APPEND, O_CREAT } = fs.constants;
  try {
    return fs.openSync(bytesPath(path), O_WRONLY | O_NONBLOCK | O_APPEND | O_CREAT, 0o600);
  } catch (error) {
    throw systemFailure(`Unable to open ${shown}`, error, '4.2.1');
  }
}

/** Whether the lock is held: not where the system cannot lock. */
async function lock(fd: number, shown: string): Promise<boolean> {
  const library = cLibrary();
  if (library === undefined) return false;
  const deadline = performance.now() + patienceMs;
  for (let waitMs = 5; ; waitMs = Math.min(2 * waitMs, 500)) {
    const errno = library.lockWhole(fd);
    if (errno === 0) return true;
    if (errno !== library.errno.EAGAIN) return false;
    if (performance.now() > deadline)
      throw new LocalFailure(111, 'File has been locked for 30 seconds straight. (#4.3.0)', new Error(shown));
    await pause(waitMs);
  }
}

async function append(fd: number, lines: DeliveryLines, message: MessageSource): Promise<void> {
  write(fd, [Buffer.from(lines.from + lines.returnPath + lines.deliveredTo, 'latin1')]);
  const quoting = new FromQuoting();
  try {
    for await (const piece of message.pieces()) write(fd, quoting.write(piece));
  } catch (error) {
    if (error instanceof WriteError) throw error.cause;
    throw systemFailure('Unable to read message', error);
  }
  write(fd, [quoting.end()]);
  await new Promise<void>((resolve, reject) => {
    fs.fsync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** Tells a failure to write from one to read. */
class WriteError extends Error {}

function write(fd: number, parts: readonly Buffer[]): void {
  try {
    for (const part of parts) for (let at = 0; at < part.length; ) at += fs.writeSync(fd, part, at);
  } catch (error) {
    throw new WriteError('write', { cause: error });
  }
}
