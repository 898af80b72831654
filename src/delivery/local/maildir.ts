// qmail-local's own delivery to a Maildir (formats/qmail.md 6.7): no size in the name, no quota, the name TIME.PID.HOST in its form that is unique within a process.
// Unlike the original, new/ is synced before the delivery counts.

import fs from 'node:fs';
import { bytesPath } from '../../files/read.js';
import { type FileOwner, MessageFile } from '../../stores/maildir/maildir-message.js';
import type { DeliveryLines } from './arguments.js';
import { isTemporary, LocalFailure } from './failure.js';
import type { MessageSource } from './message-source.js';

const trouble = 'Temporary error on maildir delivery. (#4.3.0)';

/** @param maildir disk path @throws LocalFailure */
export async function deliverToMaildir(
  maildir: string,
  lines: DeliveryLines,
  message: MessageSource,
  owner: FileOwner,
): Promise<void> {
  checkDirectory(maildir);
  let file: MessageFile | undefined;
  try {
    file = MessageFile.create(withoutFinalSlashes(maildir), owner);
    file.write([Buffer.from(lines.returnPath + lines.deliveredTo, 'latin1')]);
    for await (const piece of readable(message)) await file.writeLater([piece]);
    await file.sync();
    file.move('plain');
    await file.syncEntry();
  } catch (error) {
    file?.discard();
    throw error instanceof LocalFailure ? error : new LocalFailure(111, trouble, error);
  }
}

function checkDirectory(maildir: string): void {
  try {
    // The final dot asks for the right to enter, as chdir does.
    fs.statSync(bytesPath(`${maildir}/.`));
  } catch (error) {
    throw new LocalFailure(111, isTemporary(error) ? trouble : 'Unable to chdir to maildir. (#4.2.1)', error);
  }
}

async function* readable(message: MessageSource): AsyncGenerator<Buffer> {
  try {
    yield* message.pieces();
  } catch (error) {
    throw new LocalFailure(111, 'Unable to read message. (#4.3.0)', error);
  }
}

function withoutFinalSlashes(path: string): string {
  return path.replace(/(?<=.)\/+$/, '');
}
