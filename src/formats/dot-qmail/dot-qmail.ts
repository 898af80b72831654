// A .qmail file as qmail-local reads it: in the home directory of a user, of alias, and of a vpopmail domain (formats/qmail.md 6.2 and 6.3).
// An account's own .qmail is read by vdelivermail with other rules: formats/dot-qmail/account-dot-qmail.
//
//   # comment                     |program for sh             ./Maildir/      ./mbox
//   &forward@example.jp           forward@example.jp          +list
//
// One instruction a line, told apart by its first byte. Blanks and TABs at the end of a line do not count, those at its start do; a NUL ends what counts
// of a line. A blank line does nothing, but as the first line it defers all mail. An empty file means the default delivery, one of comments throws
// mail away. `+list` and the owner's execute bit forbid the file and program lines that follow.
// Kept: every byte. Nobody locks these files; writers of ours replace them whole.

import { lower } from '../../mail/address.js';
import { withoutTrailingBlanks } from '../controls/control-file.js';
import { joinLines, splitLines, type TextLine } from '../text-lines.js';

export { parseVdelivermail, type VdelivermailCommand } from './vdelivermail-command.js';

export type DotQmailInstruction =
  | { readonly kind: 'comment' | 'blank' | 'list' }
  /** A blank first line: qmail-local defers with `Uh-oh: first line of .qmail file is blank. (#4.2.1)`. */
  | { readonly kind: 'blank-first-line' }
  /** A line that begins with `+` and is not `+list`. */
  | { readonly kind: 'ignored' }
  /** `path` as written, relative to the home directory or absolute; a Maildir's ends in `/`. */
  | { readonly kind: 'maildir' | 'mbox'; readonly path: string }
  | { readonly kind: 'program'; readonly command: string }
  /** Possibly empty, never parsed: brackets and leading blanks are part of the address. */
  | { readonly kind: 'forward'; readonly address: string };

/** One line with its instruction. `number` counts from 1. */
export type DotQmailLine = TextLine & DotQmailInstruction & { readonly number: number };

/** The lines of a file in order. An empty file has none. */
export function parseDotQmail(bytes: Buffer): DotQmailLine[] {
  return splitLines(bytes).map((line, index) => ({
    ...line,
    number: index + 1,
    ...instructionOf(line.text, index === 0),
  }));
}

/** The bytes of the file; the mirror of `parseDotQmail`. */
export function serializeDotQmail(lines: readonly TextLine[]): Buffer {
  return joinLines(lines);
}

/** The line, without LF, that gives an instruction. A line that does nothing of itself (blank) is ''. */
export function dotQmailText(instruction: DotQmailInstruction): string {
  switch (instruction.kind) {
    case 'maildir':
    case 'mbox':
      return instruction.path;
    case 'program':
      return `|${instruction.command}`;
    case 'forward':
      return `&${instruction.address}`;
    case 'list':
      return '+list';
    case 'comment':
      return '#';
    case 'ignored':
      return '+';
    default:
      return '';
  }
}

/** A file that may hold the instructions for an extension. */
export interface DotQmailName {
  /** What follows `.qmail` in the file's name. */
  readonly suffix: string;
  /** The part of the extension that `default` stands for, case and dots kept (DEFAULT); undefined when none is set. */
  readonly default: string | undefined;
}

/**
 * The files that qmail-local tries for an extension, in this order: the whole, then `default` after each `-`, longest first. Upper case becomes lower
 * and `.` becomes `:` in file names.
 */
export function dotQmailNames(dash: string, extension: string): DotQmailName[] {
  const safe = lower(extension).replaceAll('.', ':');
  const whole = safe.endsWith('default') ? extension.slice(-'default'.length) : undefined;
  const names: DotQmailName[] = [{ suffix: dash + safe, default: whole }];
  for (let cut = safe.length; cut >= 0; cut--) {
    if (cut > 0 && safe[cut - 1] !== '-') continue;
    names.push({ suffix: `${dash}${safe.slice(0, cut)}default`, default: extension.slice(cut) });
  }
  return names;
}

function instructionOf(text: string, isFirst: boolean): DotQmailInstruction {
  const trimmed = withoutTrailingBlanks(text);
  const nul = trimmed.indexOf('\0');
  const content = nul < 0 ? trimmed : trimmed.slice(0, nul);
  switch (content.charAt(0)) {
    case '':
      return { kind: isFirst ? 'blank-first-line' : 'blank' };
    case '#':
      return { kind: 'comment' };
    case '.':
    case '/':
      return { kind: trimmed.endsWith('/') ? 'maildir' : 'mbox', path: content };
    case '|':
      return { kind: 'program', command: content.slice(1) };
    case '+':
      return { kind: content === '+list' ? 'list' : 'ignored' };
    case '&':
      return { kind: 'forward', address: content.slice(1) };
    default:
      return { kind: 'forward', address: content };
  }
}
