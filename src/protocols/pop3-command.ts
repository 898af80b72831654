// POP3 command lines as qmail-popup and qmail-pop3d take them (formats/qmail.md 8.3); RFC 1939 is narrower.
//
//   RETR 1          verb in any case, up to the first space; the argument begins after all spaces that follow, and keeps the spaces at its end
//   PASS  two words argument "two words"
//   TOP 1 20        a message number, then a count of lines
//
// Lines are Latin-1 text without their end (LF, or CR LF); a NUL ends what counts of one. A number is the digits at the start of its word; what follows them is ignored (`1x` is 1), and a
// count of lines with it (`1x 5`).

export interface Pop3Command {
  /** In upper case. */
  readonly verb: string;
  readonly argument: string;
}

/** Takes a command line apart. Every line has a verb, possibly an empty one. */
export function parsePop3Command(wholeLine: string): Pop3Command {
  const nul = wholeLine.indexOf('\0');
  const line = nul < 0 ? wholeLine : wholeLine.slice(0, nul);
  const space = line.indexOf(' ');
  if (space < 0) return { verb: line.toUpperCase(), argument: '' };
  return { verb: line.slice(0, space).toUpperCase(), argument: line.slice(space).replace(/^ +/, '') };
}

/** The name and digest of an APOP argument: everything up to the first space, and what follows that. undefined without a space. */
export function parseApop(argument: string): { readonly name: string; readonly digest: string } | undefined {
  const space = argument.indexOf(' ');
  if (space < 0) return undefined;
  return { name: argument.slice(0, space), digest: argument.slice(space + 1) };
}

/** A message number with the count of lines that may follow it. Numbers too large for any mailbox are Infinity. */
export interface MessageArgument {
  readonly number: number;
  readonly lines: number | undefined;
}

/** Reads `n` or `n k`. undefined when the argument does not begin with a digit. */
export function parseMessageArgument(argument: string): MessageArgument | undefined {
  const match = /^([0-9]+) *([0-9]*)/.exec(argument);
  if (match === null) return undefined;
  const [, number = '', lines = ''] = match;
  return { number: parseCount(number), lines: lines === '' ? undefined : parseCount(lines) };
}

function parseCount(digits: string): number {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
}
