// The .qmail of a vpopmail account, as vdelivermail reads it (formats/vpopmail.md 4.5). qmail-local's reading of a domain's files is formats/dot-qmail/dot-qmail.
//
//   # comment            |program            /path/to/Maildir/            ./Maildir/            &copy@example.jp            copy@example.jp
//
// What differs from qmail-local: blanks at the end of a line count; a blank line is an (empty) address; `+` has no meaning; a Maildir is a line that
// ends in `/`, and any other `.` or `/` line is an mbox, which vdelivermail cannot deliver to and defers; lines of more than 499 bytes are read in
// pieces. An empty file is as good as none: the mail goes to the account's Maildir. A file of comments only throws mail away.
// Kept: every byte. qmailadmin rewrites the file in place, without a lock.

import { joinLines, splitLines, type TextLine } from '../text-lines.js';

export type AccountInstruction =
  | { readonly kind: 'comment' }
  /** `path` as written, relative to the account's directory or absolute; a Maildir's ends in `/`. */
  | { readonly kind: 'maildir' | 'mbox'; readonly path: string }
  | { readonly kind: 'program'; readonly command: string }
  /** The address without a leading `&`, possibly empty. */
  | { readonly kind: 'forward'; readonly address: string };

/** One line (or piece of an overlong one) with its instruction. `number` counts lines of the file from 1. */
export type AccountLine = TextLine & AccountInstruction & { readonly number: number };

/** vdelivermail reads at most this many bytes of a line at once. */
const longestPiece = 499;

/** The instructions of a file in order. An empty file has none: deliver to the Maildir. */
export function parseAccountDotQmail(bytes: Buffer): AccountLine[] {
  return splitLines(bytes).flatMap((line, index) =>
    piecesOf(line).map((piece) => ({ ...piece, number: index + 1, ...accountInstruction(piece.text) })),
  );
}

/** The bytes of the file; the mirror of `parseAccountDotQmail`. */
export function serializeAccountDotQmail(lines: readonly TextLine[]): Buffer {
  return joinLines(lines);
}

/** What one line means to vdelivermail. Also the meaning of its second argument, when that is neither a word of its own nor a directory. */
export function accountInstruction(text: string): AccountInstruction {
  const nul = text.indexOf('\0');
  const content = nul < 0 ? text : text.slice(0, nul);
  switch (content.charAt(0)) {
    case '#':
      return { kind: 'comment' };
    case '|':
      return { kind: 'program', command: content.replace(/^[ |]+/, '') };
    case '.':
    case '/':
      return { kind: content.endsWith('/') ? 'maildir' : 'mbox', path: content };
    case '&':
      return { kind: 'forward', address: content.slice(1) };
    default:
      return { kind: 'forward', address: content };
  }
}

/**
 * The files that vdelivermail tries in the account's directory, as what follows `.qmail` in their names: with an extension `-ext`, then `-default` after
 * each `-` of it, longest first; always at last the plain `.qmail`.
 * @param extension the part of the local part after its first `-`, lower case; `.` becomes `:` here
 */
export function accountDotQmailNames(extension: string): string[] {
  if (extension === '') return [''];
  const safe = extension.replaceAll('.', ':');
  const names = [`-${safe}`];
  for (let cut = safe.length; cut > 0; cut--) {
    if (safe[cut - 1] === '-') names.push(`-${safe.slice(0, cut)}default`);
  }
  return [...names, '-default', ''];
}

function piecesOf(line: TextLine): TextLine[] {
  if (line.text.length <= longestPiece) return [line];
  const pieces: TextLine[] = [];
  for (let at = 0; at < line.text.length; at += longestPiece) {
    const isLast = at + longestPiece >= line.text.length;
    pieces.push({ text: line.text.slice(at, at + longestPiece), end: isLast ? line.end : '' });
  }
  return pieces;
}
