// What a mailbox was created for (RFC 6154 3), kept in a file of its own in the mailbox's directory, so that it goes where the mailbox goes, whichever program renames or removes it. Dovecot and
// Courier pass the file over.
//
//   \Sent
//
// One use a line.

import { lineTexts } from '../text-lines.js';

/** Every input has a value; lines that are no use are dropped. */
export function parseSpecialUses(bytes: Buffer): string[] {
  return [...new Set(lineTexts(bytes).filter((line) => /^\\[A-Za-z]+$/.test(line)))];
}

export function serializeSpecialUses(uses: readonly string[]): string {
  return uses.map((use) => `${use}\n`).join('');
}
