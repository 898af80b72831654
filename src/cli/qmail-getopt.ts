// qmail's own getopt, with which its programs read their options: those that stand in front of the operands, letter by letter. `-` alone is an operand; a word that
// begins with `--` ends them, whatever follows in it. An argument is joined or the next word. What is wrong is told on standard error in its words:
//
//   qmail-inject: illegal option -- q
//   qmail-inject: option requires an argument -- f

import type { ToolIo } from './tool-io.js';

/**
 * Reads the options in front.
 * @param letters as getopt's third argument: `f:` takes an argument, `E::` only a joined one
 * @param take is given each option as it is met, its value '' where it takes none; false when the tool cannot do with it
 * @returns the operands; undefined when an option is wrong
 */
export function qmailGetopt(
  args: readonly string[],
  letters: string,
  program: string,
  io: Pick<ToolIo, 'stderr'>,
  take: (letter: string, value: string) => false | undefined,
): string[] | undefined {
  const rest = [...args];
  const wrong = (text: string): undefined => void io.stderr(`${program}: ${text}\n`);
  for (let word = rest[0]; word?.startsWith('-') && word !== '-'; word = rest[0]) {
    rest.shift();
    if (word.startsWith('--')) break;
    for (let at = 1; at < word.length; at++) {
      const letter = word.charAt(at);
      const known = letter === ':' ? -1 : letters.indexOf(letter);
      if (known < 0) return wrong(`illegal option -- ${letter}`);
      const takesArgument = letters[known + 1] === ':';
      const joined = takesArgument ? word.slice(at + 1) : '';
      const value = takesArgument && joined === '' && letters[known + 2] !== ':' ? rest.shift() : joined;
      if (value === undefined) return wrong(`option requires an argument -- ${letter}`);
      if (take(letter, value) === false) return undefined;
      if (takesArgument) break;
    }
  }
  return rest;
}
