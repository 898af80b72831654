// A message's file, for reading, and what is known of it without: sizes and dates.
//
// RFC822.SIZE is W= of the name or of the UID list where S= is true and the two can belong together, or what the cache has where it is open; else the file is read once and its line ends are counted. Numbers in names were written by
// other programs, and a wrong one would cut the message off.

import fs from 'node:fs';
import { FileReads } from '../../../files/file-reads.js';
import { bytesPath, fileTrouble } from '../../../files/read.js';
import { parseMaildirBase } from '../../../formats/maildir/maildir-name.js';
import { TransferSizes } from '../../maildir/transfer-sizes.js';
import type { Mailbox } from '../folder/mailbox.js';
import type { MessageFacts, OpenedMessage } from '../mailbox-types.js';
import { MailboxRefusal } from '../refusal.js';
import { cachedWireBytes, sizesEntry } from './cache.js';
import { LineEnds } from './line-ends.js';
import { putDirectoryAside } from './put-aside.js';
import { lookFromOutside, withMessage } from './whereabouts.js';

const pieceBytes = 64 * 1024;
/** Messages of one mailbox whose facts are kept. */
const mostFacts = 250_000;

/** @returns undefined when it is gone @throws TemporaryError */
export async function openMessage(mailbox: Mailbox, uid: number): Promise<OpenedMessage | undefined> {
  try {
    const { O_RDONLY, O_NONBLOCK } = fs.constants;
    const opened = await withMessage(mailbox, uid, lookFromOutside(mailbox), (path) =>
      fs.openSync(bytesPath(path), O_RDONLY | O_NONBLOCK),
    );
    if (opened === undefined) return undefined;
    const status = fs.fstatSync(opened.value);
    if (status.isFile()) return openedMessage(mailbox, uid, opened.value, status);
    fs.closeSync(opened.value);
    if (status.isDirectory()) await putDirectoryAside(mailbox, uid);
    return undefined;
  } catch (error) {
    throw error instanceof MailboxRefusal ? error : fileTrouble(error);
  }
}

function openedMessage(mailbox: Mailbox, uid: number, fd: number, status: fs.Stats): OpenedMessage {
  const known = mailbox.facts.get(uid);
  // Somebody put another file in its place.
  if (known !== undefined && known.sizeBytes !== status.size) mailbox.facts.delete(uid);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) fs.closeSync(fd);
    isOpen = false;
  };
  return { fd, sizeBytes: status.size, internalDateMs: status.mtimeMs, savedMs: status.ctimeMs, close };
}

/** @returns undefined when it is gone @throws TemporaryError, also at once */
export function factsOf(mailbox: Mailbox, uid: number): MessageFacts | undefined | Promise<MessageFacts | undefined> {
  const known = mailbox.facts.get(uid);
  if (known !== undefined) return known;
  const row = mailbox.table.indexOf(uid);
  if (row < 0) return undefined;
  try {
    const path = bytesPath(
      `${mailbox.place.directory}/${mailbox.table.isNewAt(row) ? 'new' : 'cur'}/${mailbox.table.nameAt(row)}`,
    );
    const status = fs.statSync(path, { throwIfNoEntry: false });
    const wireBytes = status?.isFile() ? knownWireBytes(mailbox, row, status.size) : undefined;
    if (status === undefined || wireBytes === undefined) return readFacts(mailbox, uid);
    return keep(mailbox, uid, {
      sizeBytes: status.size,
      wireBytes,
      internalDateMs: status.mtimeMs,
      savedMs: status.ctimeMs,
    });
  } catch (error) {
    throw error instanceof MailboxRefusal ? error : fileTrouble(error);
  }
}

/** RFC822.SIZE where it is known without reading the message. @param size of the file */
export function knownWireBytes(mailbox: Mailbox, row: number, size: number): number | undefined {
  return namedWireSize(mailbox, row, size) ?? cachedWireBytes(mailbox, row, size);
}

function keep(mailbox: Mailbox, uid: number, facts: MessageFacts): MessageFacts {
  if (mailbox.facts.size >= mostFacts) mailbox.facts.clear();
  mailbox.facts.set(uid, facts);
  return facts;
}

/** What the name or the list says, when it may be believed. */
function namedWireSize(mailbox: Mailbox, row: number, size: number): number | undefined {
  const { sizeBytes, wireSizeBytes } = parseMaildirBase(mailbox.table.baseAt(row));
  if (sizeBytes !== undefined && sizeBytes !== size) return undefined;
  const recorded = mailbox.uidList
    .extensionsOf(mailbox.table.uidAt(row))
    .find((extension) => /^W[0-9]{1,15}$/.test(extension));
  const wire = wireSizeBytes ?? (recorded === undefined ? undefined : Number(recorded.slice(1)));
  return wire !== undefined && wire >= size && wire <= 2 * size ? wire : undefined;
}

// What this process has counted: a table of fixed size, and how fast its disk is; both are those of the process.
const counted = new TransferSizes();
const reads = new FileReads();

async function readFacts(mailbox: Mailbox, uid: number): Promise<MessageFacts | undefined> {
  const message = await openMessage(mailbox, uid);
  if (message === undefined) return undefined;
  try {
    const { fd, sizeBytes, internalDateMs, savedMs } = message;
    const { ino, dev, mtimeMs, birthtimeMs } = fs.fstatSync(fd);
    const key = { ino, dev, mtimeMs, birthtimeMs, sizeBytes };
    const wireBytes = counted.get(key) ?? (await countWireBytes(fd, sizeBytes));
    counted.set(key, wireBytes);
    const row = mailbox.table.indexOf(uid);
    const entries = [sizesEntry({ sizeBytes, wireBytes })];
    if (row >= 0 && mailbox.cache?.isOpen) await mailbox.cache.note(uid, mailbox.table.baseAt(row), entries);
    return keep(mailbox, uid, { sizeBytes, wireBytes, internalDateMs, savedMs });
  } finally {
    message.close();
  }
}

async function countWireBytes(fd: number, sizeBytes: number): Promise<number> {
  const lineEnds = new LineEnds();
  const piece = Buffer.allocUnsafe(Math.min(pieceBytes, sizeBytes + 1));
  let total = 0;
  for (;;) {
    const count = await reads.read(fd, piece);
    lineEnds.add(piece.subarray(0, count));
    total += count;
    // A read that does not fill the piece has met the end of a file.
    if (count < piece.length) return total + lineEnds.bare;
  }
}
