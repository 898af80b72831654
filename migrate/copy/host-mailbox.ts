// Reading the messages of one mailbox of this host.

import fs from 'node:fs';
import type { MailboxView } from '../../src/stores/mailboxes/mailbox-view.js';
import { StoredTextHash } from '../text-hash.js';

const pieceBytes = 256 * 1024;

/** The text of a message as stored; undefined when it is gone. @throws TemporaryError, the system error */
export async function textOf(view: MailboxView, uid: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  for await (const piece of piecesOf(view, uid)) {
    if (piece === undefined) return undefined;
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

/** UIDs by hash of text, from a UID on. */
export async function hashesFrom(view: MailboxView, fromUid: number): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for (const uid of view.uids) {
    if (uid < fromUid) continue;
    const text = new StoredTextHash();
    let isGone = false;
    for await (const piece of piecesOf(view, uid)) {
      if (piece === undefined) isGone = true;
      else text.add(piece);
    }
    if (isGone) continue;
    const hash = text.end();
    found.set(hash, [...(found.get(hash) ?? []), uid]);
  }
  return found;
}

/** A piece is used again for the next; undefined: the message is gone. */
async function* piecesOf(view: MailboxView, uid: number): AsyncGenerator<Buffer | undefined> {
  const opened = await view.openMessage(view.sequenceOf(uid));
  if (opened === undefined) {
    yield undefined;
    return;
  }
  try {
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, Math.max(1, opened.sizeBytes)));
    for (let at = 0; at < opened.sizeBytes; ) {
      const count = fs.readSync(opened.fd, piece, 0, Math.min(piece.length, opened.sizeBytes - at), at);
      if (count === 0) return;
      at += count;
      yield piece.subarray(0, count);
    }
  } finally {
    opened.close();
  }
}
