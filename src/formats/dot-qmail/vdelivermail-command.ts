// The program line that hands a whole domain to vpopmail, in the domain's .qmail-default (formats/vpopmail.md 4.1):
//
//   | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox
//
// qmail-local gives the line to /bin/sh. Here it is taken apart without a shell, so only what surely is that one command with two fixed words is
// recognised: single and double quotes and backslashes are undone as sh does; a pipe, redirection, list, variable, command substitution, pattern, tilde,
// comment or assignment means that it is an ordinary program (`vdelivermail '' $EXT@other.example` forwards a whole domain that way).

export interface VdelivermailCommand {
  /** The path of the program as written, such as `/home/vpopmail/bin/vdelivermail`. */
  readonly program: string;
  /** Its two arguments; the first is ignored by vdelivermail, the second says what happens to unknown users. */
  readonly args: readonly [string, string];
}

/**
 * Recognises vdelivermail with two arguments.
 * @param command a program line of a .qmail file, without its `|`
 */
export function parseVdelivermail(command: string): VdelivermailCommand | undefined {
  const words = shellWords(command);
  if (words === undefined || words.length !== 3) return undefined;
  const [program = '', first = '', second = ''] = words;
  return program === 'vdelivermail' || program.endsWith('/vdelivermail')
    ? { program, args: [first, second] }
    : undefined;
}

/** The command for a .qmail-default: `| PROGRAM '' ARGUMENT`, as vadddomain writes it. The argument is quoted if sh would change it. */
export function vdelivermailText(program: string, argument: string): string {
  const quoted = plain.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
  return `| ${program} '' ${quoted}`;
}

const plain = /^[A-Za-z0-9@%+,./:_=-]+$/;

/** Unquoted bytes that make a line more than words: operators, expansions, patterns. At the start of a word also comments and home directories. */
const special = new Set('|&;<>()$`*?[{}\n\0');
const specialAtStart = new Set('#~');

/** The words of a command as sh would see them; undefined where sh would do anything but split and unquote. */
function shellWords(command: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < command.length; at++) {
    const character = command.charAt(at);
    if (character === ' ' || character === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "'") {
      const close = command.indexOf("'", at + 1);
      if (close < 0) return undefined;
      word = (word ?? '') + command.slice(at + 1, close);
      at = close;
    } else if (character === '"') {
      const quoted = doubleQuoted(command, at + 1);
      if (quoted === undefined) return undefined;
      word = (word ?? '') + quoted.text;
      at = quoted.close;
    } else if (character === '\\') {
      if (at + 1 >= command.length) return undefined;
      at++;
      word = (word ?? '') + command.charAt(at);
    } else if (special.has(character) || (word === undefined && specialAtStart.has(character))) {
      return undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (word !== undefined) words.push(word);
  // NAME=VALUE in front of a command is an assignment.
  return words[0]?.includes('=') ? undefined : words;
}

/** The text within double quotes from `start`; undefined when it is not closed or sh would expand something in it. */
function doubleQuoted(command: string, start: number): { text: string; close: number } | undefined {
  let text = '';
  for (let at = start; at < command.length; at++) {
    const character = command.charAt(at);
    if (character === '"') return { text, close: at };
    if (character === '$' || character === '`' || character === '\0') return undefined;
    if (character === '\\' && '$`"\\'.includes(command.charAt(at + 1)) && at + 1 < command.length) at++;
    text += command.charAt(at);
  }
  return undefined;
}
